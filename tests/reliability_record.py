"""What tests tried to break, how often, and what was lost, written to a file for docs/reliability.md.

With MMMUX_RECORD=FILE.json in the environment, every test that calls :func:`record` adds to that file; without it, nothing is
written.
"""
import json
import os
import platform
from datetime import date
from pathlib import Path

from mmmux.installed import installed_versions

_PACKAGES = ('torch', 'numpy', 'mmengine', 'mmdet', 'mmsegmentation', 'mmpretrain', 'onedl-mmengine', 'onedl-mmdetection',
             'onedl-mmsegmentation', 'onedl-mmpretrain')


def record(promise: str, case: str, **facts) -> None:
    """Add a case to a promise, in the place of what was recorded of it before.

    Args:
        promise: what is promised, e.g. 'killed and resumed'.
        case: what it was tried on, e.g. 'detector by epochs'.
        facts: what was tried, how often, what was lost.
    """
    if 'MMMUX_RECORD' not in os.environ:
        return
    path = Path(os.environ['MMMUX_RECORD'])
    known = json.loads(path.read_text()) if path.exists() else {}
    known.setdefault(promise, {})[case] = dict(facts, date=date.today().isoformat(), python=platform.python_version(),
                                               versions=installed_versions(*_PACKAGES))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=2) + '\n')
