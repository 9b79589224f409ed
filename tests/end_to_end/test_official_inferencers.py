"""The inferencers of mmdet, mmseg and mmpretrain take our configs, and predict what tools/test.py predicts."""
import os
import pickle
import subprocess
import sys
from pathlib import Path

import mmengine
import numpy as np
import pytest
from cifar_files import CIFARFiles
from mmengine.config import Config
from PIL import Image
from telling_weights import save_weights
from written_test_data import write_test_data

ROOT = Path(__file__).resolve().parents[2]
METHODS = ('ssdlite', 'c1', 'ppm', 'classification')
# One for each package and way of reading pictures: the others take minutes.
OFTEN = ('ssdlite_muxnet-m_1xb16-25e_shapes-160', 'c1_muxnet-m-d8_1xb8-300it_scenes-160x160',
         'muxnet-xs_1xb128-25e_cifar10-folders-32', 'muxnet-m_1xb96-50e_cifar10-224')
CONFIGS = [pytest.param(path, id=path.stem, marks=() if path.stem in OFTEN else pytest.mark.nightly)
           for method in METHODS for path in sorted((ROOT / 'configs' / method).glob('*.py'))]
TOLERANCE = 1e-4


def predicted_by_the_inferencer(cfg: Config, config: Path, weights: Path, pictures: list[Path], folder: Path) -> list:
    """In a process of its own, which does not import mmmux."""
    env = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    program = ROOT / 'tests/helpers/official_inferencer.py'
    done = subprocess.run([sys.executable, program, cfg.default_scope, config, weights, folder / 'theirs.pkl', *pictures],
                          env=env, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return pickle.loads((folder / 'theirs.pkl').read_bytes())


def with_channels_swapped(picture: Path, folder: Path) -> Path:
    red, green, blue = Image.open(picture).split()
    path = folder / f'swapped_{picture.name}'
    Image.merge('RGB', (blue, green, red)).save(path, **(dict(quality=95) if path.suffix == '.jpg' else {}))
    return path


def detections(out: Path, pictures: list[Path], dataset: Config) -> list[dict]:
    return [{key: value.numpy() for key, value in sample['pred_instances'].items() if key in ('bboxes', 'scores', 'labels')}
            for sample in mmengine.load(out)]


def label_maps(out: Path, pictures: list[Path], dataset: Config) -> list[np.ndarray]:
    first = int(dataset.get('reduce_zero_label', 'ADE20K' in dataset.type))  # the number of the first class
    return [np.asarray(Image.open(out / picture.with_suffix('.png').name)).astype(int) - first for picture in pictures]


def scores(out: Path, pictures: list[Path], dataset: Config) -> list[np.ndarray]:
    return [sample['pred_score'].numpy() for sample in mmengine.load(out)]


READERS = dict(mmdet=detections, mmseg=label_maps, mmpretrain=scores)


def differ(scope: str, ours, theirs) -> float:
    """Largest difference of boxes and scores; of label maps the share of pixels that differ."""
    if scope == 'mmdet':
        pairs = [(ours[key], np.asarray(theirs[key])) for key in ('bboxes', 'scores', 'labels')]
        return max(np.abs(a - b).max() if a.shape == b.shape else np.inf for a, b in pairs)
    return (ours != theirs).mean() if scope == 'mmseg' else np.abs(ours - theirs).max()


@pytest.fixture
def data(monkeypatch, tmp_path):
    """Write the test data of a config, and return its picture files."""
    def write(cfg: Config) -> list[Path]:
        from mmengine.registry import DATASETS, init_default_scope
        init_default_scope(cfg.default_scope)
        dataset = cfg.test_dataloader.dataset
        kind = DATASETS.get(dataset.type)
        if not hasattr(kind, 'base_folder'):
            classes = DATASETS.build(dict(dataset, lazy_init=True)).metainfo['classes']
            return write_test_data(dataset, classes, tmp_path / 'data')
        files = CIFARFiles(tmp_path / 'data', kind)
        for name, pairs in files.lists.items():
            monkeypatch.setattr(kind, name, pairs)
        paths = [tmp_path / f'{number}.png' for number in range(len(files.pictures['test']))]
        for path, picture in zip(paths, files.pictures['test']):
            Image.fromarray(picture).save(path)
        return paths

    return write


@pytest.mark.parametrize('config', CONFIGS)
def test_predicts_what_our_test_does(tool, data, tmp_path, config):
    cfg = Config.fromfile(config)
    pictures = data(cfg)
    weights = save_weights(cfg, tmp_path / 'weights.pth')
    out = tmp_path / ('label_maps' if cfg.default_scope == 'mmseg' else 'predictions.pkl')
    annotations = [f'test_evaluator.ann_file={tmp_path}/data/{cfg.test_dataloader.dataset.ann_file}'
                   ] if cfg.test_evaluator.type == 'CocoMetric' else []
    tool('test.py', config, weights, '--work-dir', tmp_path / 'work', '--out', out, '--cfg-options',
         f'test_dataloader.dataset.data_root={tmp_path}/data', 'test_dataloader.num_workers=0',
         'test_dataloader.persistent_workers=False', *annotations)
    ours = READERS[cfg.default_scope](out, pictures[:2], cfg.test_dataloader.dataset)[:2]

    swapped = with_channels_swapped(pictures[0], tmp_path)
    *theirs, other = predicted_by_the_inferencer(cfg, config, weights, [*pictures[:2], swapped], tmp_path)
    assert [differ(cfg.default_scope, *pair) < TOLERANCE for pair in zip(ours, theirs, strict=True)] == [True, True]
    # Enough is compared, and it depends on the order of the channels.
    assert enough(cfg.default_scope, ours[0])
    assert differ(cfg.default_scope, ours[0], other) > 100 * TOLERANCE


def enough(scope: str, prediction) -> bool:
    """At least 50 boxes, or three classes."""
    counted = dict(mmdet=lambda: len(prediction['scores']) >= 50, mmseg=lambda: len(np.unique(prediction)) >= 3,
                   mmpretrain=lambda: len(prediction) >= 3 and prediction.std() > 100 * TOLERANCE / len(prediction))
    return counted[scope]()
