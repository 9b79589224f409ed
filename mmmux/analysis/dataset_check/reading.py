"""Check the data sets of a config in several processes."""
import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from tqdm import tqdm

from mmmux.utils.errors import ConfigError, UserError
from mmmux.utils.installed import need_scope

from .boxes_per_picture import BoxesPerPicture
from .collect import Collector
from .findings import UNREADABLE_PICTURE, Reading
from .layout import Layout
from .parts import SPLITS, Layouts, Part, open_part, parts_of, start
from .processes import Failed, share_out
from .report import Report, check_fix_list


def check(cfg: Config, layouts: Layouts = (), splits: Iterable[str] = SPLITS, jobs: int = 1,
          fix_list: Path | None = None) -> Report:
    """Read every image and every annotation of the data sets of a config, and report the defects.

    Args:
        cfg (Config): config of a training or a test.
        layouts (Layouts): pairs of a data set class and its layout, from :meth:`mmmux.tasks.Task.layouts`. Default: ().
        splits (Iterable[str]): the splits to read. Default: ('train', 'val', 'test').
        jobs (int): number of reading processes, 1 or more. Images are read in other processes even with 1, so that an image
            that crashes its process does not end the check. Default: 1.
        fix_list (Path, optional): path that `report.write_fix_lists` will write to; the check fails early if it cannot.
            Default: None.

    Returns:
        Report: the findings of all data sets.

    Raises:
        ConfigError: `jobs` is below 1, the config has no data sets, or `fix_list` cannot be used.
        UserError: no data set can list its images. If only some cannot, they are in `Report.unchecked`.
    """
    if jobs < 1:
        raise ConfigError(f'--jobs must be 1 or more, got {jobs}')
    need_scope(cfg.get('default_scope'))
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    parts, opened, unchecked = _open_all(parts_of(cfg, splits), layouts)
    if fix_list is not None:
        check_fix_list(parts, opened, fix_list)
    collector = Collector(parts, opened, BoxesPerPicture(cfg))
    tasks = ((number, index) for number, layout in enumerate(opened) for index in range(len(layout.names)))
    total = sum(len(layout.names) for layout in opened)
    reading = share_out(partial(_read, opened), tasks, min(jobs, total))
    for (number, index), result in tqdm(reading, 'reading', total, unit='picture', disable=None, smoothing=0.05):
        if isinstance(result, Failed):
            result = _failed(opened[number], index, result)
        collector.add(number, index, result)
    return collector.report(dict(_refusals(parts, opened)), unchecked)


def _read(layouts: list[Layout], task: tuple[int, int]) -> Reading:
    number, index = task
    return layouts[number].read(index)


def _open_all(parts: list[Part], known: Layouts) -> tuple[list[Part], list[Layout], list[str]]:
    """Open all parts; return the parts that can be read, their layouts, and a sentence for each of the others."""
    opened, layouts, unchecked, last = [], [], [], None
    for part in parts:
        try:
            layouts.append(open_part(part, known))
            opened.append(part)
        except UserError as error:
            unchecked.append(f'{part.title} ({part.key}): {error}')
            last = error
    if last is not None and not opened:
        raise type(last)('; '.join(unchecked))
    return opened, layouts, unchecked


def _failed(layout: Layout, index: int, failed: Failed) -> Reading:
    """Return the reading of an image whose reading raised an error or ended its process."""
    reading = Reading(layout.names[index])
    if not failed.killed:
        reading.add(UNREADABLE_PICTURE, f'cannot be read ({failed.sentence})')
        return reading
    size = ''
    path = layout.info(index).get('img_path')
    with contextlib.suppress(Exception), Image.open(path) as image:  # reads the header only; the file may not exist
        size = f' ({image.width} x {image.height} pixels in its header, {Path(path).stat().st_size:,} bytes)'
    reading.add(UNREADABLE_PICTURE, f'the process that read {path}{size} was ended ({failed.sentence}), probably because '
                'memory ran out')
    return reading


def _refusals(parts: list[Part], layouts: list[Layout]) -> Iterator[tuple[int, str]]:
    """Yield the number of each part whose data set does not start, and its error message."""
    for number, (part, layout) in enumerate(zip(parts, layouts)):
        if not layout.READS_ALL_AT_START:
            try:
                start(part)
            except UserError as error:
                yield number, str(error)
            except Exception as error:  # mmdet, mmseg and mmpretrain raise their own types
                yield number, f'{type(error).__name__}: {error}'
