"""Record the numbers of trials and failures of the reliability tests in a JSON file, for docs/reliability.md.

With MMMUX_RECORD=FILE.json in the environment, every test that calls :func:`record` adds to that file; without it, nothing is
written.
"""
import fcntl
import json
import os
import platform
import sys
from datetime import date
from pathlib import Path

from mmmux.utils.installed import installed_versions

REPOSITORY = Path(__file__).resolve().parents[2]
_PACKAGES = ('torch', 'numpy', 'mmengine', 'mmdet', 'mmsegmentation', 'mmpretrain', 'onedl-mmengine', 'onedl-mmdetection',
             'onedl-mmsegmentation', 'onedl-mmpretrain')


def record(promise: str, case: str, *, tried: int, of: str, lost: int, **facts) -> None:
    """Record the result of one case of a promise; it replaces an earlier record of the case.

    Args:
        promise: one of `PROMISES` of .dev_scripts/pages/reliability_tables.py.
        case: the subject of the trials, for example 'detector by epochs'.
        tried: number of trials.
        of: plural name of the trials, for example 'kills'.
        lost: number of trials that broke the promise.
        **facts: further numbers.
    """
    if 'MMMUX_RECORD' not in os.environ:
        return
    path = Path(os.environ['MMMUX_RECORD'])
    test = os.environ.get('PYTEST_CURRENT_TEST', os.path.relpath(sys.argv[0], REPOSITORY)).partition('::')[0]
    facts = dict(tried=tried, of=of, lost=lost, **facts, test=test, date=date.today().isoformat(),
                 python=platform.python_version(), versions=installed_versions(*_PACKAGES))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'a+') as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # tests in several processes may write at the same time
        file.seek(0)
        known = json.loads(file.read() or '{}')
        known.setdefault(promise, {})[case] = facts
        file.truncate(0)
        file.write(json.dumps(known, indent=2) + '\n')
