"""Schedule the tests on pytest-xdist's processes: the longest start first, so that no process is idle at the end.

The tests of a file run in one process, because they share trained models. Exceptions are files whose tests share nothing and
take minutes (`_APART`), and files that share models with another file (`_TOGETHER`).
"""
from nightly import NIGHTLY

# Prefixes of the test files that take longest, in descending order of time; other files follow in the order of their names.
_FIRST = ('tests/deploy/test_any_size.py', 'tests/end_to_end/', 'tests/search/', 'tests/deploy/', 'tests/models/')
_APART = ('tests/deploy/test_any_size.py', 'tests/end_to_end/test_breaker.py', 'tests/models/backbones/test_muxnet.py',
          'tests/fuzzing/test_fuzz.py', 'tests/test_hostile_files.py')
_TOGETHER = {'tests/end_to_end/test_stopping.py': 'tests/end_to_end/test_breaker.py'}


def place(nodeid: str) -> int:
    """Return the sort key of a test; tests with equal keys keep their order."""
    return next((number for number, name in enumerate(_FIRST) if nodeid.startswith(name)), len(_FIRST))


def scheduler(config, log):
    """Return the scheduler for `--dist loadfile`, or None for another distribution mode."""
    if config.getvalue('dist') != 'loadfile':
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        """Group the tests by file with the exceptions of this module; xdist's own order, by tests per file, is disabled."""

        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if NIGHTLY and file in _APART else _TOGETHER.get(file, file)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
