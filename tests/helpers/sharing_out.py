"""How pytest-xdist shares the tests out among its processes: the longest begin first, so that none idles at the end.

A file's tests stay together, as they share what they have trained; but where they share nothing and take minutes, or share
with another file.
"""
from nightly import NIGHTLY

# Beginnings of names, the longest first; other files follow in the order of their names.
_FIRST = ('tests/deploy/test_any_size.py', 'tests/end_to_end/', 'tests/search/', 'tests/deploy/', 'tests/models/')
_APART = ('tests/deploy/test_any_size.py', 'tests/end_to_end/test_breaker.py', 'tests/models/backbones/test_muxnet.py',
          'tests/fuzzing/test_fuzz.py', 'tests/test_hostile_files.py')
_TOGETHER = {'tests/end_to_end/test_stopping.py': 'tests/end_to_end/test_breaker.py'}


def place(nodeid: str) -> int:
    """Sort tests by this; those of equal places keep their order."""
    return next((number for number, name in enumerate(_FIRST) if nodeid.startswith(name)), len(_FIRST))


def scheduler(config, log):
    """The scheduler for `--dist loadfile`; None for others."""
    if config.getvalue('dist') != 'loadfile':
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        """Without xdist's own order, which goes by the number of tests in a file."""

        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if NIGHTLY and file in _APART else _TOGETHER.get(file, file)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
