"""Wait for the end of a process, or for a file that a process writes."""
import time
from pathlib import Path


def has_ended(pid: int, seconds: float = 10) -> bool:
    """Return whether a process ends within some seconds; a zombie counts as ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z':
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def wait_for(path: Path, seconds: float = 240) -> str:
    """Wait until a file exists, and return its text; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f'{path} was not written'
        time.sleep(0.05)
    return path.read_text()
