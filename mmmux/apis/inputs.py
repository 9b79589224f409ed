"""Find the images and videos that a demo predicts: files, folders, patterns and webcams."""
import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mmmux.utils.errors import ConfigError

PICTURES = ('.bmp', '.jpeg', '.jpg', '.npy', '.png', '.tif', '.tiff', '.webp')  # suffixes of images in a folder
VIDEOS = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')
_WEBCAM = re.compile(r'webcam(?::(\d+))?')
_WILD = re.compile(r'[*?[]')


class Input(NamedTuple):
    """An image, a video or a webcam.

    Attributes:
        name: path of the result, relative to the folder that is written to.
        source: the file, or the number of the webcam.
    """
    name: Path
    source: Path | int

    @property
    def moves(self) -> bool:
        """Whether it is a video or a webcam."""
        return isinstance(self.source, int) or self.source.suffix.lower() in VIDEOS


def find_inputs(given: Sequence[str | Path], out_dir: Path, without_suffix: bool = False) -> list[Input]:
    """Find images and videos.

    Args:
        given: files, folders, which are searched with their subfolders, patterns such as 'data/**/*.jpg', and 'webcam' or
            'webcam:NUMBER'. The results of a folder or a pattern keep their subfolders.
        out_dir: folder that is written to; files inside it are not read.
        without_suffix: whether results must also differ without their suffixes, which files of labels replace.

    Returns:
        list[Input]: in the order of `given`; those of a folder or pattern in the order of their names.

    Raises:
        ConfigError: a folder or pattern gives none, or two results would have the same name.
    """
    found = [each for item in given for each in inputs_of(item, out_dir)]
    written: dict[Path, Path | int] = {}
    for each in found:
        key = each.name.with_suffix('') if without_suffix else each.name
        if key in written:
            raise ConfigError(f'{written[key]} and {each.source} would both be written as {each.name}, where one would '
                              'overwrite the other: give a folder of both, whose subfolders are kept, or another --out-dir')
        written[key] = each.source
    return found


def inputs_of(item: str | Path, out_dir: Path | None = None) -> list[Input]:
    """Find the images and videos that one file, folder, pattern or webcam gives.

    Args:
        item: as in :func:`find_inputs`.
        out_dir: folder whose files are not read. Default: None.

    Raises:
        ConfigError: a folder or pattern gives none.
    """
    item, written = str(item), out_dir and out_dir.resolve()
    camera = _WEBCAM.fullmatch(item)
    if camera:
        return [Input(Path(f'webcam_{int(camera[1] or 0)}.mp4'), int(camera[1] or 0))]
    path = Path(item)
    if path.is_dir():
        root, files = path, _files_below(path)
    elif _WILD.search(item) and not path.exists():
        root, files = _folder_before_wildcards(item), map(Path, sorted(glob.glob(item, recursive=True)))
    else:
        return [Input(_result(Path(path.name)), path)]
    inputs = [Input(_result(file.relative_to(root)), file) for file in files
              if file.suffix.lower() in PICTURES + VIDEOS and written not in file.resolve().parents]
    if not inputs:
        raise ConfigError(f'{item} gives no picture and no video: name files, folders of files, or patterns in quotes, with '
                          f'the suffixes {", ".join(PICTURES + VIDEOS)}')
    return inputs


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith('.'))


def _folder_before_wildcards(pattern: str) -> Path:
    parts = Path(pattern).parts
    return Path(*parts[:next(index for index, part in enumerate(parts) if _WILD.search(part))])


def _result(name: Path) -> Path:
    if name.suffix.lower() in VIDEOS:
        return name.with_suffix('.mp4')
    return name.with_suffix('.png') if name.suffix.lower() == '.npy' else name
