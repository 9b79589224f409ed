"""Run a function in a separate process with limits of time and memory, to read hostile files."""
import resource
import signal
import time
from pathlib import Path

from forked_process import FORKED

SECONDS = 60  # time limit for one file, generous enough for a busy machine
MEMORY = 3 * 2**30  # memory limit for one file in bytes, without the imports; the largest accepted image needs a third


def limited(function, *args, seconds: float = SECONDS):
    """Run a module-level function in a limited process, and return its result.

    Args:
        function: the function.
        *args: its arguments.
        seconds: time limit in seconds. Default: `SECONDS`.

    Raises:
        AssertionError: the function raised, or its process died or exceeded the memory limit; the message has the reason.
    """
    receiver, sender = FORKED.Pipe(duplex=False)
    process = FORKED.Process(target=_run, args=(sender, function, args, seconds))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        result = None
    process.join()
    assert result is not None, (f'the process ended with {process.exitcode}: -14 after {seconds} seconds, -9 or -6 for lack of '
                                'memory, -11 in a crash')
    kind, value, grown = result
    assert grown <= MEMORY, f'{grown >> 20} MiB were taken'
    if kind == 'error':
        raise AssertionError(value)
    return value


def _run(sender, function, args, seconds: float) -> None:
    import traceback
    before, _ = _memory()
    resource.setrlimit(resource.RLIMIT_AS, (before + 2 * MEMORY, ) * 2)  # above MEMORY, so that an excess can be measured
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
    """Return the current address space and the peak of the resident memory, in bytes."""
    lines = dict(line.split(':') for line in Path('/proc/self/status').read_text().splitlines())
    return tuple(int(lines[name].split()[0]) * 1024 for name in ('VmSize', 'VmHWM'))


def outcome(read, path) -> str:
    """Read a file, and return 'a value' if that succeeds, or the message of a UserError; other errors are not caught.

    Args:
        read: function of the path.
        path: the file.

    Raises:
        AssertionError: the message is not one printable sentence, does not name the file, or reading took too long.
    """
    from mmmux.utils.errors import UserError
    started = time.monotonic()
    try:
        read(path)
        found = 'a value'
    except UserError as error:
        found = str(error)
        assert found.isprintable() and len(found) < 2000, f'not one sentence: {found[:2000]!r}'
        assert Path(path).name in found or Path(path).stem in found, f'no file is named: {found}'
    assert time.monotonic() - started < SECONDS
    return found
