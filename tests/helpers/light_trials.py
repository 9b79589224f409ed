"""Make trial processes start fast, by keeping them from importing torch, which the tests' trials do not need."""
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Replaces the package's __init__ by an empty module, and mmmux.search.analytic by tests/helpers/trial_functions.py.
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
    """Write a sitecustomize module, and return the PYTHONPATH with which trial processes import it.

    Args:
        folder: an empty folder for the module.
    """
    (folder / 'sitecustomize.py').write_text(_SITE.format(package=str(REPOSITORY / 'mmmux')))
    return os.pathsep.join(map(str, (folder, REPOSITORY, REPOSITORY / 'tests/helpers')))
