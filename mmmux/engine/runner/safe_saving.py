"""What stands between mmengine's checkpoint hook and the disk."""
import contextlib
import os
from pathlib import Path

from mmengine.dist import is_main_process

from mmmux.checkpoints.checksum import check_intact, seal
from mmmux.checkpoints.resume import POINTER
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.utils.atomic_write import WRITING, put_in_place
from mmmux.utils.errors import CheckpointError


class SafelySaving:
    """A runner whose `save_checkpoint` leaves the whole file under its name, or what was there before.

    Args:
        runner: mmengine's; everything else is asked of it.
    """

    def __init__(self, runner):
        self._runner = runner

    def __getattr__(self, name: str):
        return getattr(self._runner, name)

    def save_checkpoint(self, out_dir: str, filename: str, *args, **options) -> None:
        """Write, seal, read back, rename; the arguments are those of mmengine's method.

        Raises:
            CheckpointError: it cannot be written, or not be read back.
        """
        path = Path(out_dir) / filename
        written = path.with_name(filename + WRITING)
        with explained(path, self._runner.work_dir):
            # Under that name also for mmengine, whose file back end and contents stay as they are.
            self._runner.save_checkpoint(out_dir, written.name, *args, **options)
            if is_main_process():
                try:
                    seal(written)
                    check_intact(written)
                    load_checkpoint_file(written, map_location='cpu')
                except CheckpointError as error:
                    written.unlink()
                    raise CheckpointError(f'{error}; it was read back after writing; {_what_is_left(self._runner.work_dir)}') \
                        from None
                put_in_place(path)


class LaterRemovals:
    """A file back end that notes what is to be deleted.

    Args:
        backend: mmengine's; everything else is asked of it.
    """

    def __init__(self, backend):
        self._backend = backend
        self._noted = []

    def __getattr__(self, name: str):
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        """Note a file."""
        self._noted.append(str(path))

    def take_removals(self) -> list[str]:
        """What was noted since the last call."""
        noted, self._noted = self._noted, []
        return noted


@contextlib.contextmanager
def explained(path: Path, work_dir: str):
    """Turn what the system says when a file cannot be written into a sentence, and make room again.

    Raises:
        CheckpointError: it cannot.
    """
    try:
        yield
    except OSError as error:
        path.with_name(path.name + WRITING).unlink(missing_ok=True)
        raise CheckpointError(f'{path} cannot be written ({os.strerror(error.errno) if error.errno else error}); '
                              f'{_what_is_left(work_dir)}') from None


def _what_is_left(work_dir: str) -> str:
    pointer = Path(work_dir) / POINTER
    if not pointer.is_file():
        return 'there is no checkpoint before it'
    return f'{pointer.read_text().strip()} is the last good checkpoint: mend the cause and go on from it with --resume'
