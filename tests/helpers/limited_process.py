"""Reading a hostile file in a process of its own, which ends when it takes too long or too much memory."""
import resource
import signal
import time
from pathlib import Path

from forked_process import FORKED

SECONDS = 60  # for one file, on a machine that has other things to do
MEMORY = 3 * 2**30  # bytes of one file, beside what the imports take; a picture of the most pixels takes a third


def limited(function, *args, seconds: float = SECONDS):
    """What a function of a module returns; an AssertionError tells that its process died, and of what."""
    receiver, sender = FORKED.Pipe(duplex=False)
    process = FORKED.Process(target=_run, args=(sender, function, args, seconds))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        result = None
    process.join()
    assert result is not None, (f'the process ended with {process.exitcode}: -14 after {seconds} seconds, -9 or -6 for want of '
                                'memory, -11 in a crash')
    kind, value, grown = result
    assert grown <= MEMORY, f'{grown >> 20} MiB were taken'
    if kind == 'error':
        raise AssertionError(value)
    return value


def _run(sender, function, args, seconds: float) -> None:
    import traceback
    before, _ = _memory()
    resource.setrlimit(resource.RLIMIT_AS, (before + 2 * MEMORY, ) * 2)  # more than is allowed, so that it is measured
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, resident = _memory()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        kind, value = 'value', function(*args)
    except BaseException:
        kind, value = 'error', traceback.format_exc()
    signal.setitimer(signal.ITIMER_REAL, 0)
    sender.send((kind, value, max(0, _memory()[1] - resident)))


def _memory() -> tuple[int, int]:
    """Bytes of address space now, and the most that were in memory at any time."""
    lines = dict(line.split(':') for line in Path('/proc/self/status').read_text().splitlines())
    return tuple(int(lines[name].split()[0]) * 1024 for name in ('VmSize', 'VmHWM'))


def outcome(read, path) -> str:
    """What comes of reading: 'a value', or the sentence of a UserError; anything else is an error.

    Raises:
        AssertionError: the sentence is none, or names no file.
    """
    from mmmux.utils.errors import UserError
    started = time.monotonic()
    try:
        read(path)
        told = 'a value'
    except UserError as error:
        told = str(error)
        assert told.isprintable() and len(told) < 2000, f'not one sentence: {told[:2000]!r}'
        assert Path(path).name in told or Path(path).stem in told, f'no file is named: {told}'
    assert time.monotonic() - started < SECONDS
    return told
