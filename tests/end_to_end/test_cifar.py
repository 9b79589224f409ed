"""The CIFAR configs as they stand, on a few pictures in the published layout, from training to accuracy."""
import json
from pathlib import Path

import mmengine
import numpy as np
import pytest
from cifar_files import CIFARFiles
from mmengine.config import Config
from PIL import Image
from sklearn import metrics as metrics_of

from mmmux.visualization.scores import with_scores

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/classification'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Six iterations leave running statistics that give every picture the same scores, unless they follow faster.
FAST_STATISTICS = ['model.backbone.norm_cfg.type=BN', 'model.backbone.norm_cfg.momentum=0.9']


@pytest.fixture(params=[10, pytest.param(100, marks=pytest.mark.nightly)])
def cifar(request, tmp_path, monkeypatch):
    """Number of classes, files in the published layout, whose MD5 sums are taken for the published ones, and their folder."""
    from mmmux.datasets import CIFAR10, CIFAR100
    kind = {10: CIFAR10, 100: CIFAR100}[request.param]
    files = CIFARFiles(tmp_path / 'data', kind, train=2 if request.param == 10 else 8, test=16)
    for name, pairs in files.lists.items():
        monkeypatch.setattr(kind, name, pairs)
    return request.param, files, tmp_path / 'data'


def options_for(data: Path) -> list[str]:
    """--cfg-options for six iterations; nothing else of the recipe is changed."""
    in_this_process = [f'{loader}.{key}' for loader in LOADERS for key in ('num_workers=0', 'persistent_workers=False')]
    return ['--cfg-options', *(f'{loader}.dataset.data_root={data}' for loader in LOADERS), *in_this_process,
            'train_dataloader.batch_size=4', 'train_dataloader.dataset.indices=4', 'train_cfg.max_epochs=6',
            'train_cfg.val_interval=6', 'default_hooks.logger.interval=1']


def scores(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, classes) and labels (N, ) of dumped predictions."""
    predictions = mmengine.load(file)
    return (np.stack([prediction['pred_score'].numpy() for prediction in predictions]),
            np.array([prediction['gt_label'].item() for prediction in predictions]))


@pytest.mark.slow
def test_trained_saved_and_tested(tool, cifar, tmp_path, monkeypatch):
    """Labels are chosen so that two pictures are right at once, three more among the first five, and eleven wrong."""
    classes, files, data = cifar
    config, kind = CONFIGS / f'muxnet-m_1xb96-50e_cifar{classes}-224.py', files.kind
    tool('train.py', config, '--work-dir', tmp_path / 'work', *options_for(data), *FAST_STATISTICS)
    assert json.loads(next((tmp_path / 'work').glob('*/vis_data/scalars.json')).read_text().splitlines()[0])['loss'] > 0

    def test() -> np.ndarray:
        tool('test.py', config, tmp_path / 'work/epoch_6.pth', '--work-dir', tmp_path / 'test', '--out',
             tmp_path / 'predictions.pkl', '--show-dir', tmp_path / 'seen', *options_for(data), *FAST_STATISTICS)
        found, labels = scores(tmp_path / 'predictions.pkl')
        assert labels.tolist() == files.labels['test'].tolist() and found.shape == (len(labels), classes)
        assert len(np.unique(found.round(4), axis=0)) > 1  # not all pictures get the same scores
        return found

    files.labels['test'] = test().argsort(1)[:, ::-1][np.arange(16), [0, 0, 1, 2, 4] + [5] * 10 + [9]]
    files.write('test')
    monkeypatch.setattr(kind, 'test_list', files.lists['test_list'])
    found, labels = test(), files.labels['test']
    metrics = json.loads((tmp_path / 'test/metrics.json').read_text())
    for k, expected in ((1, 2 / 16), (5, 5 / 16)):
        accuracy = metrics_of.top_k_accuracy_score(labels, found, k=k, labels=range(classes))
        assert metrics[f'accuracy/top{k}'] == pytest.approx(100 * accuracy, abs=1e-3)
        assert accuracy == expected
    assert sorted(path.name for path in (tmp_path / 'seen').iterdir()) == [f'{number:06d}.png' for number in range(16)]
    for number, picture in enumerate(files.pictures['test']):
        drawn = with_scores(picture, found[number], kind.METAINFO['classes'], [labels[number]])
        assert Image.open(tmp_path / f'seen/{number:06d}.png').tobytes() == drawn.tobytes()


def test_autoaugment_and_cutout_prepare_pictures(cifar):
    """Of 224 x 224 pixels, no two alike, in each a square of 112 in the mean colour, as far as it lies inside."""
    from mmengine.registry import DATASETS, DefaultScope
    classes, _, data = cifar
    cfg = Config.fromfile(CONFIGS / f'muxnet-m_1xb96-50e_cifar{classes}-224-autoaugment-cutout.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(dict(cfg.train_dataloader.dataset, data_root=str(data)))
    np.random.seed(0)
    inputs = [dataset[number % len(dataset)]['inputs'].numpy() for number in range(16)]
    assert all(picture.shape == (3, 224, 224) and picture.dtype == np.uint8 for picture in inputs)
    assert len({picture.tobytes() for picture in inputs}) == len(inputs)
    for picture in inputs:
        square = (picture == np.array([104, 116, 124])[:, None, None]).all(0)
        # A few pixels beside it may have that colour, too.
        rows, columns = (np.flatnonzero(square.sum(axis) > 40) for axis in (1, 0))
        assert 56 <= len(rows) <= 112 and 56 <= len(columns) <= 112
        assert square[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1].all()


@pytest.mark.slow
def test_folders_of_small_pictures(forked_program, tool, tmp_path):
    """The only classifier that is trained by a separate program, as users train."""
    config = CONFIGS / 'muxnet-m_1xb128-25e_cifar10-folders-32.py'
    classes = Config.fromfile(config).metainfo.classes
    rng = np.random.default_rng(0)
    for split, number in (('train', 1), ('val', 3)):
        for name in classes:
            folder = tmp_path / 'data' / split / name
            folder.mkdir(parents=True)
            for index in range(number):
                Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f'{index}.png')
    options = [*options_for(tmp_path / 'data'), 'model.backbone.backbone.norm_cfg.type=BN',
               'model.backbone.backbone.norm_cfg.momentum=0.9']
    forked_program(CONFIGS.parents[1] / 'tools/train.py', config, '--work-dir', tmp_path / 'work', *options, cwd=tmp_path)
    tool('test.py', config, tmp_path / 'work/epoch_6.pth', '--work-dir', tmp_path / 'test', '--out',
         tmp_path / 'predictions.pkl', '--tta', *options)
    found, labels = scores(tmp_path / 'predictions.pkl')
    assert sorted(labels) == sorted(3 * list(range(10)))
    expected = 100 * metrics_of.accuracy_score(labels, found.argmax(1))
    assert json.loads((tmp_path / 'test/metrics.json').read_text())['accuracy/top1'] == pytest.approx(expected, abs=1e-3)
