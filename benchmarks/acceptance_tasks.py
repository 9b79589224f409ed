"""The two trainings of `gpu_acceptance.py`: their configs, options and what their logs say. Standard library only."""
import json
import re
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from step_record import StepError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@dataclass(frozen=True)
class Task:
    """A model on a real data set, or on a drawn one in its place.

    Attributes:
        name: 'detection' or 'segmentation'.
        model: for people.
        package: whose own tools train and test it.
        data: the real data set.
        layout: files and folders that it must have.
        config, drawn_config: for the real and for the drawn data set, below configs/.
        drawn: the module that draws.
        metric: as the package calls it.
        score: what it is called in the file.
        unit: of the training's length, 'epoch' or 'iter'.
        schedule: options for a training of so many epochs or iterations.
    """
    name: str
    model: str
    package: str
    data: str
    layout: tuple[str, ...]
    config: str
    drawn_config: str
    drawn: str
    metric: str
    score: str
    unit: str
    schedule: Callable[[int], list[str]]

    def training(self, length: int, total: int, seed: int) -> list[str]:
        """Options for a training that ends at `length` of `total` epochs or iterations, in the schedule of the whole."""
        return [f'train_cfg.max_{self.unit}s={length}', f'train_cfg.val_interval={total}', *self.schedule(total),
                'default_hooks.logger.interval=1', f'randomness.seed={seed}']

    def loading(self, data: Path, workers: int) -> list[str]:
        """Options for a data set in a folder, loaded by so many processes."""
        return [f'{loader}.{key}' for loader in LOADERS for key in (
            f'dataset.data_root={data}', f'num_workers={workers}', f'persistent_workers={workers > 0}')]

    def checkpoint(self, work_dir: Path, length: int) -> Path:
        """The checkpoint of a finished training."""
        return work_dir / f'{self.unit}_{length}.pth'


def _epochs(total: int) -> list[str]:
    return [f'param_scheduler.1.T_max={total}', f'param_scheduler.1.end={total}']


def _iterations(total: int) -> list[str]:
    warm_up = min(50, total // 4)
    return [f'param_scheduler.0.end={warm_up}', f'param_scheduler.1.begin={warm_up}', f'param_scheduler.1.end={total}',
            f'default_hooks.checkpoint.interval={total // 2}']


DETECTION = Task(
    'detection', 'SSDLite, MUXNet-m', 'mmdet', 'bccd',
    ('VOC2007/Annotations', 'VOC2007/JPEGImages', 'VOC2007/ImageSets/Main/trainval.txt', 'VOC2007/ImageSets/Main/test.txt'),
    'ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py', 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py', 'drawn_shapes',
    'pascal_voc/mAP', 'AP', 'epoch', _epochs)
SEGMENTATION = Task(
    'segmentation', 'C1, MUXNet-m', 'mmseg', 'camvid',
    ('images/training', 'images/validation', 'annotations/training', 'annotations/validation'),
    'c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py', 'c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py', 'drawn_scenes',
    'mIoU', 'mIoU', 'iter', _iterations)


def resumed(task: Task, printed: str, work_dir: Path, half: int) -> dict:
    """What the second half of a training says: where it went on, its speed, memory, and whether precision was mixed.

    Raises:
        StepError: it did not go on where the first half ended.
    """
    found = re.search(r'resumed epoch: (\d+), iter: (\d+)', printed)
    place = dict(zip(('epoch', 'iter'), map(int, found.groups()))) if found else {}
    if place.get(task.unit) != half:
        raise StepError(f'--resume went on at {place or "the beginning"} and the first half ended at {task.unit} {half}')
    lines = _last(work_dir, '*/vis_data/scalars.json').read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if 'loss' in row]
    config = runpy.run_path(str(next(work_dir.glob('*.py'))))  # as it was run, which mmengine writes there
    batch, seconds = config['train_dataloader']['batch_size'], rows[-1]['time']  # the mean of the last 50 iterations
    return dict(
        resumed_at=place, first_iteration_after=rows[0]['iter'], iterations=rows[-1]['iter'], loss=rows[-1]['loss'],
        mixed_precision=config['optim_wrapper']['type'] == 'AmpOptimWrapper', batch_size=batch,
        iterations_per_second=round(1 / seconds, 2), pictures_per_second=round(batch / seconds, 1),
        share_of_time_waiting_for_data=round(rows[-1]['data_time'] / seconds, 2),
        peak_gpu_memory_mib=max((row['memory'] for row in rows if 'memory' in row), default=None))


def tested(task: Task, work_dir: Path) -> dict:
    """The score of a test, and its speed.

    Raises:
        StepError: the tool gave no score.
    """
    found = json.loads(_last(work_dir, '*/*.json').read_text())
    if task.metric not in found:
        raise StepError(f'the test gave no {task.metric}, only {", ".join(found) or "nothing"}')
    batch = runpy.run_path(str(next(work_dir.glob('*.py'))))['test_dataloader']['batch_size']
    return {'metric': task.metric, task.score: found[task.metric],
            'pictures_tested_per_second': round(batch / found['time'], 1)}


def _last(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise StepError(f'the tool ended well and left no {pattern} in its work dir')
    return found[-1]
