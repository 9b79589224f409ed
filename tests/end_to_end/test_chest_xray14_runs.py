"""ChestX-ray14 with the real config, on files as the NIH publishes them."""
import csv
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from nih_files import NIHFiles, xray
from PIL import Image

from mmmux.checkpoints.safe_loading import load_checkpoint_file

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).resolve().parents[2] / 'configs/classification/muxnet-m_1xb64-30e_chestxray14-224.py'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
FINDINGS = ('Effusion', 'Infiltration|Mass', 'No Finding', 'Mass', 'Hernia|Effusion', 'No Finding', 'Infiltration', 'Mass')


def pictures_of_each_kind(number: int) -> Image.Image:
    """Return a gray picture, one of 16 bits or one in colour with transparency, as the NIH's data has them."""
    gray = xray(number, 256)
    if number % 8 == 3:
        return Image.fromarray(gray.astype(np.uint16) * 257)
    if number % 8 == 5:
        return Image.fromarray(np.dstack([gray, gray, gray, np.full_like(gray, 255)]))
    return Image.fromarray(gray)


@pytest.fixture(scope='session')
def nih(tmp_path_factory):
    """Eight patients to train on, four to validate and eight to test on, in two numbered folders."""
    from mmmux.datasets.chest_xray14 import is_held_out
    files = NIHFiles(tmp_path_factory.mktemp('chestxray14'))
    patients = [str(number) for number in range(1, 200)]
    held_out = [patient for patient in patients if is_held_out(patient, 0.125)][:4]
    trained = [patient for patient in patients if not is_held_out(patient, 0.125)][:8]
    number = 0
    for part, chosen in (('train_val', trained + held_out), ('test', [str(number) for number in range(500, 508)])):
        for patient in chosen:
            files.add(part, patient, FINDINGS[number % len(FINDINGS)], picture=pictures_of_each_kind(number))
            number += 1
    files.held_out = held_out
    return files


def options_for(root: Path) -> list[str]:
    """--cfg-options for one epoch of two iterations."""
    in_this_process = [f'{loader}.{key}' for loader in LOADERS for key in ('num_workers=0', 'persistent_workers=False')]
    return ['--cfg-options', *(f'{loader}.dataset.data_root={root}' for loader in LOADERS), *in_this_process,
            'train_dataloader.batch_size=4', 'train_cfg.max_epochs=1', 'default_hooks.logger.interval=1',
            # Otherwise the running statistics of so short a training would give every picture the same scores.
            'model.backbone.norm_cfg.type=BN', 'model.backbone.norm_cfg.momentum=0.9']


@pytest.fixture(scope='session')
def options(nih):
    return options_for(nih.root)


@pytest.fixture(scope='session')
def trained(tool_in, options, tmp_path_factory):
    """The work dir of two iterations with tools/train.py."""
    folder = tmp_path_factory.mktemp('xray')
    tool_in(folder, 'train.py', CONFIG, '--work-dir', folder / 'work', *options)
    return folder / 'work'


@pytest.fixture
def checkpoint(trained):
    return trained / 'epoch_1.pth'


def labels_of(table: Path, classes: tuple[str, ...]) -> dict[str, list[int]]:
    """For each picture of the NIH's table a 0 or 1 for each class."""
    with open(table) as file:
        return {row['Image Index']: [int(name in row['Finding Labels'].split('|')) for name in classes]
                for row in csv.DictReader(file)}


def scikit_learns(table: Path, predictions: Path) -> dict[str, float]:
    """AUROC by finding of dumped predictions."""
    from sklearn.metrics import roc_auc_score

    from mmmux.datasets.chest_xray14 import FINDINGS as CLASSES
    labels = labels_of(table, CLASSES)
    predicted = pickle.loads(predictions.read_bytes())
    truth = np.array([labels[Path(one['img_path']).name] for one in predicted])
    scores = np.array([one['pred_score'].numpy() for one in predicted])
    assert ((scores > 0) & (scores < 1)).all() and len(np.unique(scores[:, 0])) > 1
    return {name: roc_auc_score(truth[:, number], scores[:, number]) for number, name in enumerate(CLASSES)
            if 0 < truth[:, number].sum() < len(truth)}


def test_training_validates_and_keeps_the_best(trained):
    checkpoint = load_checkpoint_file(trained / 'epoch_1.pth')
    assert checkpoint['meta']['iter'] == 2 and len(checkpoint['meta']['dataset_meta']['classes']) == 14
    assert checkpoint['state_dict']['head.fc.weight'].shape == (14, 1280)
    (scalars, ) = trained.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert losses[0] == pytest.approx(14 * np.log(2), rel=0.1)  # of an untrained network with 14 findings
    assert [0 <= line['auroc/mean'] <= 1 for line in lines if 'auroc/mean' in line] == [True]
    assert len(list(trained.glob('best_auroc_mean_epoch_1.pth'))) == 1


def test_metrics_are_scikit_learns(tool, checkpoint, options, nih, tmp_path):
    tool('test.py', CONFIG, checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'predictions.pkl', *options)
    predicted = pickle.loads((tmp_path / 'predictions.pkl').read_bytes())
    assert [Path(one['img_path']).name for one in predicted] == nih.lists['test']
    expected = scikit_learns(nih.table, tmp_path / 'predictions.pkl')
    assert set(expected) == {'Effusion', 'Infiltration', 'Mass', 'Hernia'}
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics == {f'auroc/{name}': pytest.approx(value, abs=1e-6)
                       for name, value in {'mean': np.mean(list(expected.values())), **expected}.items()}


def test_mirrored_views(tool, checkpoint, options, nih, tmp_path):
    tool('test.py', CONFIG, checkpoint, '--tta', '--work-dir', tmp_path, '--out', tmp_path / 'predictions.pkl', *options)
    expected = scikit_learns(nih.table, tmp_path / 'predictions.pkl')
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics['auroc/mean'] == pytest.approx(np.mean(list(expected.values())), abs=1e-6)


@pytest.mark.nightly
def test_two_processes_see_every_picture_once(two_processes, checkpoint, options, nih, tmp_path):
    two_processes(CONFIG.parents[2] / 'tools/test.py', CONFIG, checkpoint, '--launcher', 'pytorch', '--work-dir', tmp_path,
                  '--out', tmp_path / 'predictions.pkl', *options, cwd=tmp_path)
    expected = scikit_learns(nih.table, tmp_path / 'predictions.pkl')
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics['auroc/mean'] == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
    assert len(pickle.loads((tmp_path / 'predictions.pkl').read_bytes())) == len(nih.lists['test'])


def test_every_kind_of_picture_reaches_the_network_alike(nih):
    """The same gray values, whether stored in 8 bits, in 16 or in colour."""
    from mmpretrain.registry import DATASETS
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(CONFIG).test_dataloader.dataset
    dataset = DATASETS.build(dict(cfg, data_root=str(nih.root)))
    first = 12  # pictures come before
    kinds = [Image.open(dataset.get_data_info(index)['img_path']).mode for index in range(len(dataset))]
    assert {'L', 'I;16', 'RGBA'} == set(kinds)
    for index in range(len(dataset)):
        gray = Image.fromarray(xray(first + index, 256)).crop((16, 16, 240, 240))
        assert np.abs(dataset[index]['inputs'].numpy().astype(int) - np.asarray(gray)).max() <= 1
