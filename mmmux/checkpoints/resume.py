"""The checkpoint to go on from: the latest one that can be read."""
import logging
from pathlib import Path

from mmengine.logging import print_log

from mmmux.utils.atomic_write import write_text
from mmmux.utils.errors import CheckpointError

from .checksum import check_intact
from .safe_loading import load_checkpoint_file

POINTER = 'last_checkpoint'  # mmengine's: a file that holds the path of the latest checkpoint
_TRAINING_STATE = {'meta', 'state_dict', 'optimizer', 'message_hub'}


def point_to(work_dir: str | Path, checkpoint: str | Path) -> None:
    """Have `last_checkpoint` name another checkpoint, in one step."""
    write_text(Path(work_dir) / POINTER, str(checkpoint))


def mend_pointer(work_dir: str | Path, folder: str | Path) -> Path | None:
    """Have `last_checkpoint` name the latest checkpoint that can be read, and say so where it is another than before.

    Args:
        work_dir: where `last_checkpoint` is.
        folder: where the checkpoints are.

    Returns:
        Path | None: that checkpoint; None where there is nothing to go on from yet.

    Raises:
        CheckpointError: there are checkpoints, or were, but none that a training can go on from.
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
        raise CheckpointError(f'{complaint}, and {folder} holds no other checkpoint to go on from: start again '
                              'without --resume')
    print_log(f'{complaint}: going on from {found}, the latest one that can be read', 'current', logging.WARNING)
    point_to(work_dir, found)
    return found


def _latest(files: list[Path]) -> Path | None:
    # By what is in them: file times do not survive copying, and a number in a name may be of an earlier training.
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
