"""Reading the data sets of a config, in several processes."""
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

from .collect import Collector
from .findings import UNREADABLE_PICTURE, Reading
from .layout import Layout
from .parts import SPLITS, Layouts, Part, open_part, parts_of, start
from .processes import Failed, share_out
from .report import Report, check_fix_list


def check(cfg: Config, layouts: Layouts = (), splits: Iterable[str] = SPLITS, jobs: int = 1,
          fix_list: Path | None = None) -> Report:
    """Read every picture and every annotation of the data sets of a config.

    Args:
        cfg: the config of a training or test.
        layouts: what reads the data sets of a class, as :meth:`mmmux.tasks.Task.layouts` gives it.
        splits: those of train, val and test that are read.
        jobs: processes to read in, one at least, so that what kills it does not kill the check.
        fix_list: where `report.write_fix_lists` is going to write; whether it can is looked at first.

    Raises:
        ConfigError: `jobs` is below 1.
        UserError: no data set can even list its pictures; if some can, the others are in `Report.unchecked`.
    """
    if jobs < 1:
        raise ConfigError(f'--jobs must be 1 or more, got {jobs}')
    need_scope(cfg.get('default_scope'))
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    parts, opened, unchecked = _open_all(parts_of(cfg, splits), layouts)
    if fix_list is not None:
        check_fix_list(parts, opened, fix_list)
    collector = Collector(parts, opened)
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
    """The parts that can be read, what reads them, and why others cannot."""
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
    """What to say of a picture that could not be read to the end."""
    reading = Reading(layout.names[index])
    if not failed.killed:
        reading.add(UNREADABLE_PICTURE, f'cannot be read ({failed.sentence})')
        return reading
    size = ''
    path = layout.info(index).get('img_path')
    with contextlib.suppress(Exception), Image.open(path) as image:  # reads its header only; it may be gone
        size = f', {image.width} x {image.height} pixels by its header and {Path(path).stat().st_size:,} bytes'
    reading.add(UNREADABLE_PICTURE, f'has most likely ended the process that read it ({failed.sentence}), as happens when '
                f'memory runs out: {path}{size}')
    return reading


def _refusals(parts: list[Part], layouts: list[Layout]) -> Iterator[tuple[int, str]]:
    """The parts whose data sets do not start, and what they say."""
    for number, (part, layout) in enumerate(zip(parts, layouts)):
        if not layout.READS_ALL_AT_START:
            try:
                start(part)
            except UserError as error:
                yield number, str(error)
            except Exception as error:  # of mmdet, mmseg or mmpretrain
                yield number, f'{type(error).__name__}: {error}'
