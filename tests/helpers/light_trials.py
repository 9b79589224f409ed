"""Trials that start at once: their processes import none of torch, which those of the tests do not need."""
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# The package's own __init__ is left out, and the formula of the analytic problem is that of tests/helpers/trial_functions.py.
_SITE = """
import sys

if 'mmmux.search.trial_process' in sys.orig_argv:
    import types

    import trial_functions

    package = sys.modules['mmmux'] = types.ModuleType('mmmux')
    package.__path__ = [{package!r}]
    sys.modules['mmmux.search.analytic'] = trial_functions
"""


def light_python_path(folder: Path) -> str:
    """The PYTHONPATH that makes them so.

    Args:
        folder: an empty one, for a module that Python imports when it starts.
    """
    (folder / 'sitecustomize.py').write_text(_SITE.format(package=str(REPOSITORY / 'mmmux')))
    return os.pathsep.join(map(str, (folder, REPOSITORY, REPOSITORY / 'tests/helpers')))
