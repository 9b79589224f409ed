"""Write checkpoints atomically with a checksum, and postpone deletions until the new checkpoint is on the disk."""
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
    """Runner proxy whose `save_checkpoint` writes files atomically; all other attributes are those of the runner.

    Args:
        runner (Runner): mmengine's runner.
    """

    def __init__(self, runner):
        self._runner = runner

    def __getattr__(self, name: str):
        return getattr(self._runner, name)

    def save_checkpoint(self, out_dir: str, filename: str, *args, **options) -> None:
        """Write a checkpoint under a temporary name, add the checksum, read the file back and rename it.

        Args: As in mmengine's Runner.save_checkpoint.

        Raises:
            CheckpointError: The file cannot be written or read back.
        """
        path = Path(out_dir) / filename
        written = path.with_name(filename + WRITING)
        with explained(path, self._runner.work_dir):
            # mmengine writes the file, so its contents and its file back end do not change.
            self._runner.save_checkpoint(out_dir, written.name, *args, **options)
            if is_main_process():
                try:
                    seal(written)
                    check_intact(written)
                    load_checkpoint_file(written, map_location='cpu')
                except CheckpointError as error:
                    written.unlink()
                    raise CheckpointError(f'{error} (read back after it was written); {_last_good(self._runner.work_dir)}') \
                        from None
                put_in_place(path)


class LaterRemovals:
    """File back end proxy that records removals instead of executing them; all other attributes are those of the back end.

    Args:
        backend (BaseStorageBackend): mmengine's file back end.
    """

    def __init__(self, backend):
        self._backend = backend
        self._noted = []

    def __getattr__(self, name: str):
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        """Record the path of a file to delete."""
        self._noted.append(str(path))

    def take_removals(self) -> list[str]:
        """Return the paths recorded since the last call and clear the record."""
        noted, self._noted = self._noted, []
        return noted


@contextlib.contextmanager
def explained(path: Path, work_dir: str):
    """Convert an OSError of writing a file to a :class:`CheckpointError`, and delete the unfinished file to free disk space.

    Args:
        path (Path): The final path of the file.
        work_dir (str): Folder of `last_checkpoint`, which the message quotes.

    Raises:
        CheckpointError: The file cannot be written.
    """
    try:
        yield
    except OSError as error:
        path.with_name(path.name + WRITING).unlink(missing_ok=True)
        raise CheckpointError(f'{path} cannot be written ({os.strerror(error.errno) if error.errno else error}); '
                              f'{_last_good(work_dir)}') from None


def _last_good(work_dir: str) -> str:
    pointer = Path(work_dir) / POINTER
    if not pointer.is_file():
        return f'{work_dir} has no earlier checkpoint: correct the cause and start the training again'
    return f'{pointer.read_text().strip()} is the last good checkpoint: correct the cause and continue from it with --resume'
