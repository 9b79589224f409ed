"""The inferencers of mmdet, mmseg and mmpretrain take our configs, and predict what tools/test.py predicts."""
import json
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
TOLERANCE = 1e-4
# One for each package and way of reading pictures; those of a package share a process, whose start takes most of the time.
OFTEN = {'mmdet': ('ssdlite_muxnet-m_1xb16-25e_shapes-160', ), 'mmseg': ('c1_muxnet-m-d8_1xb8-300it_scenes-160x160', ),
         'mmpretrain': ('muxnet-xs_1xb128-25e_cifar10-folders-32', 'muxnet-m_1xb96-50e_cifar10-224')}
ALL = {path.stem: path for method in ('ssdlite', 'c1', 'ppm', 'classification')
       for path in sorted((ROOT / 'configs' / method).glob('*.py'))}
RARELY = [name for name in ALL if name not in sum(OFTEN.values(), ())]


def predicted_by_the_inferencer(package: str, jobs: list[list[Path]], folder: Path) -> list[list]:
    """In a process of its own, which does not import mmmux."""
    env = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    (folder / 'jobs.json').write_text(json.dumps([list(map(str, job)) for job in jobs]))
    done = subprocess.run([sys.executable, ROOT / 'tests/helpers/official_inferencer.py', package, folder / 'jobs.json',
                           folder / 'theirs.pkl'], env=env, cwd=folder, capture_output=True, text=True)
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
    """Largest difference of scores, and of boxes as a share of the picture's side; of label maps the share of pixels."""
    if scope == 'mmdet':
        pairs = [(ours[key], np.asarray(theirs[key]), ours[key].max() if key == 'bboxes' else 1)
                 for key in ('bboxes', 'scores', 'labels')]
        return max(np.abs(a - b).max() / side if a.shape == b.shape else np.inf for a, b, side in pairs)
    return (ours != theirs).mean() if scope == 'mmseg' else np.abs(ours - theirs).max()


@pytest.fixture
def data(monkeypatch):
    """Write the test data of a config, and return its picture files."""
    def write(cfg: Config, folder: Path) -> list[Path]:
        from mmengine.registry import DATASETS, init_default_scope
        init_default_scope(cfg.default_scope)
        dataset = cfg.test_dataloader.dataset
        kind = DATASETS.get(dataset.type)
        if not hasattr(kind, 'base_folder'):
            classes = DATASETS.build(dict(dataset, lazy_init=True)).metainfo['classes']
            return write_test_data(dataset, classes, folder)
        files = CIFARFiles(folder, kind)
        for name, pairs in files.lists.items():
            monkeypatch.setattr(kind, name, pairs)
        paths = [folder / f'{number}.png' for number in range(len(files.pictures['test']))]
        for path, picture in zip(paths, files.pictures['test']):
            Image.fromarray(picture).save(path)
        return paths

    return write


def predicted_by(tool, data, config: Path, folder: Path) -> tuple[list[Path], list]:
    """Test the config with its data and with weights; return the inferencer's job and our predictions for its pictures."""
    cfg = Config.fromfile(config)
    folder.mkdir()
    pictures = data(cfg, folder / 'data')
    cfg.test_dataloader.dataset.data_root = f'{folder}/data'
    weights = save_weights(cfg, folder / 'weights.pth')
    out = folder / ('label_maps' if cfg.default_scope == 'mmseg' else 'predictions.pkl')
    annotations = [f'test_evaluator.ann_file={folder}/data/{cfg.test_dataloader.dataset.ann_file}'
                   ] if cfg.test_evaluator.type == 'CocoMetric' else []
    tool('test.py', config, weights, '--work-dir', folder / 'work', '--out', out, '--cfg-options',
         f'test_dataloader.dataset.data_root={folder}/data', 'test_dataloader.num_workers=0',
         'test_dataloader.persistent_workers=False', *annotations)
    ours = READERS[cfg.default_scope](out, pictures[:2], cfg.test_dataloader.dataset)[:2]
    return [config, weights, *pictures[:2], with_channels_swapped(pictures[0], folder)], ours


@pytest.mark.slow
@pytest.mark.parametrize(('package', 'names'), [
    *(pytest.param(package, names, id=package) for package, names in OFTEN.items()),
    *(pytest.param(None, (name, ), id=name, marks=pytest.mark.nightly) for name in RARELY)])
def test_predicts_what_our_test_does(tool, data, tmp_path, package, names):
    package = package or Config.fromfile(ALL[names[0]]).default_scope
    jobs, ours = zip(*(predicted_by(tool, data, ALL[name], tmp_path / name) for name in names))
    for name, mine, found in zip(names, ours, predicted_by_the_inferencer(package, jobs, tmp_path), strict=True):
        *theirs, other = found
        assert [differ(package, *pair) < TOLERANCE for pair in zip(mine, theirs, strict=True)] == [True, True], name
        # Enough is compared, and it depends on the order of the channels.
        assert enough(package, mine[0]) and differ(package, mine[0], other) > 100 * TOLERANCE, name


def enough(scope: str, prediction) -> bool:
    """At least 50 boxes, or three classes."""
    counted = dict(mmdet=lambda: len(prediction['scores']) >= 50, mmseg=lambda: len(np.unique(prediction)) >= 3,
                   mmpretrain=lambda: len(prediction) >= 3 and prediction.std() > 100 * TOLERANCE / len(prediction))
    return counted[scope]()
