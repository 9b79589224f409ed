"""Define the two trainings of `gpu_acceptance.py`: configs, options, and how to read their logs.

This module uses the standard library only.
"""
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
    """A model and its data set: a real one, or a drawn one if the real one is missing.

    Attributes:
        name: 'detection' or 'segmentation'.
        model: name of the model in the result file.
        package: the OpenMMLab package whose tools train and test the model.
        data: name of the real data set.
        layout: files and folders that the real data set must have.
        config: path of the config for the real data set, relative to configs/.
        drawn_config: path of the config for the drawn data set, relative to configs/.
        drawn: the module of mmmux.datasets that draws the data set.
        metric: name of the metric in the package's results.
        score: name of the metric in the result file.
        unit: unit of the training's length, 'epoch' or 'iter'.
        schedule: returns the --cfg-options of the learning rate schedule for a length.
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
        """Return the --cfg-options of a training that stops early but follows the schedule of the whole training.

        Args:
            length: epochs or iterations after which the training ends.
            total: epochs or iterations of the schedule.
            seed: seed of the random numbers.
        """
        return [f'train_cfg.max_{self.unit}s={length}', f'train_cfg.val_interval={total}', *self.schedule(total),
                'default_hooks.logger.interval=1', f'randomness.seed={seed}']

    def loading(self, data: Path, workers: int) -> list[str]:
        """Return the --cfg-options for a data set in a folder, loaded by a number of processes (0: the training's own)."""
        return [f'{loader}.{key}' for loader in LOADERS for key in (
            f'dataset.data_root={data}', f'num_workers={workers}', f'persistent_workers={workers > 0}')]

    def checkpoint(self, work_dir: Path, length: int) -> Path:
        """Return the path of the checkpoint at the end of a training of `length` epochs or iterations."""
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
    """Read the log of the resumed second half of a training.

    Args:
        task: the training.
        printed: its output.
        work_dir: its work dir.
        half: the epoch or iteration at which the first half ended.

    Returns:
        The place of the resumption, the loss, the batch size, the speed (iterations and images per second), the share of the
        time spent waiting for data, the peak GPU memory (MiB), and whether mixed precision was used.

    Raises:
        StepError: the training did not resume at the end of the first half.
    """
    found = re.search(r'resumed epoch: (\d+), iter: (\d+)', printed)
    place = dict(zip(('epoch', 'iter'), map(int, found.groups()))) if found else {}
    if place.get(task.unit) != half:
        raise StepError(f'--resume continued at {place or "the beginning"}, and the first half ended at {task.unit} {half}')
    lines = _last(work_dir, '*/vis_data/scalars.json').read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if 'loss' in row]
    config = runpy.run_path(str(next(work_dir.glob('*.py'))))  # mmengine writes the config of the run there
    batch, seconds = config['train_dataloader']['batch_size'], rows[-1]['time']  # seconds, mean of the last 50 iterations
    return dict(
        resumed_at=place, first_iteration_after=rows[0]['iter'], iterations=rows[-1]['iter'], loss=rows[-1]['loss'],
        mixed_precision=config['optim_wrapper']['type'] == 'AmpOptimWrapper', batch_size=batch,
        iterations_per_second=round(1 / seconds, 2), pictures_per_second=round(batch / seconds, 1),
        share_of_time_waiting_for_data=round(rows[-1]['data_time'] / seconds, 2),
        peak_gpu_memory_mib=max((row['memory'] for row in rows if 'memory' in row), default=None))


def tested(task: Task, work_dir: Path) -> dict:
    """Read the score of a test, and its speed in images per second, from a work dir.

    Raises:
        StepError: the test wrote no score.
    """
    found = json.loads(_last(work_dir, '*/*.json').read_text())
    if task.metric not in found:
        raise StepError(f'the test wrote no {task.metric}, only {", ".join(found) or "an empty file"}')
    batch = runpy.run_path(str(next(work_dir.glob('*.py'))))['test_dataloader']['batch_size']
    return {'metric': task.metric, task.score: found[task.metric],
            'pictures_tested_per_second': round(batch / found['time'], 1)}


def _last(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise StepError(f'the tool ended with status 0 and wrote no {pattern} to its work dir')
    return found[-1]
