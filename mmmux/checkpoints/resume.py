"""Find the latest intact checkpoint to resume a training from, for :class:`mmmux.engine.hooks.CheckpointHook`."""
import logging
from pathlib import Path

from mmengine.logging import print_log

from mmmux.utils.atomic_write import write_text
from mmmux.utils.errors import CheckpointError

from .checksum import check_intact
from .safe_loading import load_checkpoint_file

POINTER = 'last_checkpoint'  # name of mmengine's text file that holds the path of the latest checkpoint
_TRAINING_STATE = {'meta', 'state_dict', 'optimizer', 'message_hub'}


def point_to(work_dir: str | Path, checkpoint: str | Path) -> None:
    """Replace the path in `last_checkpoint` atomically.

    Args:
        work_dir (str | Path): Folder of `last_checkpoint`.
        checkpoint (str | Path): The path to write.
    """
    write_text(Path(work_dir) / POINTER, str(checkpoint))


def mend_pointer(work_dir: str | Path, folder: str | Path) -> Path | None:
    """Make `last_checkpoint` name the latest intact checkpoint, and log a warning if the checkpoint in it is not intact.

    Args:
        work_dir (str | Path): Folder of `last_checkpoint`.
        folder (str | Path): Folder of the checkpoints.

    Returns:
        Path | None: The latest intact checkpoint, or None if there are neither checkpoints nor a `last_checkpoint`.

    Raises:
        CheckpointError: There are checkpoints or a `last_checkpoint`, but no checkpoint from which a training can resume.
    """
    pointer, folder = Path(work_dir) / POINTER, Path(folder)
    named = Path(pointer.read_text(errors='replace').strip()) if pointer.is_file() else None
    if named and not named.is_file() and (folder / named.name).is_file():
        named = folder / named.name  # the folder was moved
        point_to(work_dir, named)
    files = sorted(folder.glob('*.pth'))
    if not named and not files:
        return None
    complaint = f'{pointer} does not exist'
    if named:
        try:
            check_intact(named)
            return named
        except CheckpointError as error:
            complaint = str(error)
    found = _latest([path for path in files if path != named])
    if found is None:
        raise CheckpointError(f'{complaint}, and {folder} holds no other checkpoint to resume from: start the training again '
                              'without --resume')
    print_log(f'{complaint}: resuming from {found}, the latest intact checkpoint', 'current', logging.WARNING)
    point_to(work_dir, found)
    return found


def _latest(files: list[Path]) -> Path | None:
    # Compare the time and iteration stored in the checkpoints: copying changes file times, and a number in a file name may be
    # of an earlier training.
    ages = {}
    for path in files:
        try:
            check_intact(path)
            checkpoint = load_checkpoint_file(path, map_location='cpu')
        except CheckpointError as error:
            print_log(str(error), 'current', logging.WARNING)
            continue
        if isinstance(checkpoint, dict) and set(checkpoint) >= _TRAINING_STATE and isinstance(checkpoint['meta'], dict):
            iterations = checkpoint['meta'].get('iter', 0)
            ages[path] = (str(checkpoint['meta'].get('time', '')), iterations if isinstance(iterations, int) else 0)
    return max(ages, key=ages.get, default=None)
