"""Store a SHA-256 checksum inside a checkpoint file and compare it before the file is loaded.

torch writes checkpoints as zip archives. torch does not compare the checksums of the archive when it reads one, and these do
not cover the table of contents. The checksum is therefore stored in the archive comment, which ends every zip archive and
which torch and other readers skip. Unlike a separate file, the comment moves with the checkpoint and always belongs to it.

`CheckpointHook` seals each checkpoint that it writes, and checks the one that a training resumes from.
"""
import hashlib
import zipfile
from pathlib import Path

from mmmux.utils.errors import CheckpointError, in_a_line

from .bombs import check_archive
from .safe_loading import load_checkpoint_file

_MARK = b'sha256:'
_COMMENT_BYTES = len(_MARK) + hashlib.sha256().digest_size * 2
_END_OF_ARCHIVE = b'PK\5\6'
_END_BYTES = 22  # size of the end record without a comment; its last two bytes hold the length of the comment
_CHUNK = 2**20


def seal(path: str | Path) -> None:
    """Append the checksum of a checkpoint file to the file, as the comment of the archive.

    Args:
        path (str | Path): A file that :func:`torch.save` has written.

    Raises:
        CheckpointError: The file is not a zip archive, or already has a comment.
    """
    with open(path, 'r+b') as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES))
        end = file.read()
        if not end.startswith(_END_OF_ARCHIVE) or end[-2:] != bytes(2):
            raise CheckpointError(f'checkpoint {path} cannot get a checksum: only a zip archive without a comment, as '
                                  'torch.save writes it, has a place for one')
        file.seek(-2, 2)
        file.write(_COMMENT_BYTES.to_bytes(2, 'little'))
        file.flush()
        file.seek(0)
        checksum = _checksum(file, size)
        file.write(_MARK + checksum)


def check_intact(path: str | Path) -> None:
    """Compare a checkpoint file with the checksum inside it; load a file without a checksum completely instead.

    Args:
        path (str | Path): The checkpoint file.

    Raises:
        CheckpointError: The file does not exist, is damaged, or is unsafe.
    """
    if not Path(path).is_file():
        raise CheckpointError(f'checkpoint {path} does not exist')
    try:
        with open(path, 'rb') as file:
            sealed_bytes = max(0, file.seek(0, 2) - _COMMENT_BYTES)
            file.seek(sealed_bytes)
            comment = file.read()
            file.seek(0)
            intact = comment == _MARK + _checksum(file, sealed_bytes) if comment.startswith(_MARK) else None
        if intact is None and zipfile.is_zipfile(path):
            with open(path, 'rb') as file:
                check_archive(file)  # before testzip unpacks any part
            with zipfile.ZipFile(path) as archive:
                intact = archive.testzip() is None
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {path} {error}') from None
    except Exception as error:  # the readers raise exceptions of any type on a damaged archive
        raise CheckpointError(f'checkpoint {path} cannot be read ({in_a_line(str(error)) or type(error).__name__})') from None
    if intact is False:
        raise CheckpointError(f'checkpoint {path} is damaged: its contents do not have the checksum that is stored in it')
    if not comment.startswith(_MARK):
        load_checkpoint_file(path, map_location='cpu')


def _checksum(file, size: int) -> bytes:
    """Compute the SHA-256 of the next `size` bytes of a file, as hexadecimal digits, and move the position past them."""
    digest = hashlib.sha256()
    while size > 0 and (chunk := file.read(min(_CHUNK, size))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest().encode()
