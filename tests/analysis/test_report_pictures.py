from pathlib import Path

import numpy as np
import pytest
import torch
from cifar_files import CIFARFiles
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from nih_files import NIHFiles, xray
from PIL import Image

from mmmux.analysis.report import Run
from mmmux.analysis.report_pictures import paint
from mmmux.apis import Inferencer
from mmmux.visualization.scores import with_scores

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/classification'
CLASSES = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')


@pytest.fixture
def trained(tmp_path):
    """A work dir with random weights, as training leaves them."""
    def make(name: str, config: str, data: Path, seed: int = 0, **changes) -> Run:
        cfg = Config.fromfile(CONFIGS / f'{config}.py')
        cfg.test_dataloader.dataset.data_root = str(data)
        cfg.merge_from_dict(changes)
        work_dir = tmp_path / f'{name}-{seed}'
        work_dir.mkdir()
        cfg.dump(work_dir / 'config.py')
        torch.manual_seed(seed)
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            model = MODELS.build(cfg.model)
        torch.save(dict(state_dict=model.state_dict(), meta={}), work_dir / 'last.pth')
        (work_dir / 'last_checkpoint').write_text('/elsewhere/last.pth')
        return Run(name, CONFIGS / f'{config}.py', work_dir)

    return make


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def columns(drawn: np.ndarray, parts: list[Image.Image]) -> list[float]:
    """Return the mean distance of each column of a written picture from the expected one, 300 pixels high below its title."""
    left, errors = 2, []
    for part in parts:
        width = round(part.width * 300 / part.height)
        expected = np.asarray(part.resize((width, 300), Image.Resampling.LANCZOS)).astype(int)
        errors.append(np.abs(drawn[20:320, left:left + width] - expected).mean())
        left += width + 4
    assert drawn.shape == (320, left - 2, 3)
    return errors


@pytest.fixture
def folders(tmp_path):
    """Three pictures of each class, of the same names in every class."""
    for number, name in enumerate(CLASSES):
        (tmp_path / 'data/val' / name).mkdir(parents=True)
        for index in range(3):
            noise = np.random.default_rng(10 * number + index).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((32, 32)).save(tmp_path / f'data/val/{name}/{index}.png')
    return tmp_path / 'data'


@pytest.mark.slow
def test_pictures_of_class_folders(trained, folders, tmp_path):
    """Spread over the test set, named by class and file, one column for each model with the scores of its first seed."""
    config = 'muxnet-xs_1xb128-25e_cifar10-folders-32'
    runs = [trained('xs', config, folders), trained('s', config.replace('xs', 's', 1), folders),
            trained('xs', config, folders, 1)]
    files = paint(runs, tmp_path / 'page', 5, 0.4, Inferencer)
    assert [path.name for path in files] == ['airplane-0.jpg', 'bird-0.jpg', 'deer-0.jpg', 'frog-0.jpg', 'ship-0.jpg']
    assert sorted(files) == sorted((tmp_path / 'page').iterdir())
    inferencers = [Inferencer(run.cfg, run.checkpoint, 'cpu') for run in runs[:2]]
    for path in files:
        name, index = path.stem.split('-')
        picture = folders / f'val/{name}/{index}.png'
        parts = [with_scores(np.asarray(Image.open(picture)), inferencer.predict(picture).pred_score.numpy(), CLASSES,
                             [CLASSES.index(name)]) for inferencer in inferencers]
        assert max(columns(pixels(path), parts)) < 4  # the error of JPEG


@pytest.mark.slow
def test_no_more_pictures_than_there_are(trained, folders, tmp_path):
    files = paint([trained('xs', 'muxnet-xs_1xb128-25e_cifar10-folders-32', folders)], tmp_path / 'page', 99, 0.4, Inferencer)
    assert len(files) == len(set(files)) == 30 and all(path.is_file() for path in files)


@pytest.mark.slow
def test_pictures_of_cifars_batches(trained, tmp_path, monkeypatch):
    from mmmux.datasets import CIFAR10
    files = CIFARFiles(tmp_path / 'data', CIFAR10, test=6)
    for key, value in files.lists.items():
        monkeypatch.setattr(CIFAR10, key, value)
    run = trained('m', 'muxnet-m_1xb96-50e_cifar10-224', tmp_path / 'data')
    inferencer, drawn = Inferencer(run.cfg, run.checkpoint, 'cpu'), paint([run], tmp_path / 'page', 3, 0.4, Inferencer)
    assert [path.name for path in drawn] == [f'{CLASSES[files.labels["test"][index]]}-{index}.jpg' for index in (0, 2, 4)]
    for path, index in zip(drawn, (0, 2, 4)):
        image = files.pictures['test'][index]
        (error, ) = columns(pixels(path), [with_scores(image, inferencer.predict(image).pred_score.numpy(), CLASSES,
                                                       [files.labels['test'][index]])])
        assert error < 8


def test_pictures_of_chests(trained, tmp_path):
    """The names have all findings, or 'none'."""
    files = NIHFiles(tmp_path / 'data')
    files.add('train_val', '9')
    for patient, findings in (('1', 'Mass'), ('2', 'No Finding'), ('3', 'Hernia|Effusion')):
        files.add('test', patient, findings, picture=Image.fromarray(xray(int(patient), 256)))
    run = trained('m', 'muxnet-m_1xb64-30e_chestxray14-224', files.root)
    drawn = paint([run], tmp_path / 'page', 3, 0.4, Inferencer)
    assert [path.name for path in drawn] == [
        'Mass-00000001_000.jpg', 'none-00000002_000.jpg', 'Effusion-Hernia-00000003_000.jpg']
    assert all(path.is_file() for path in drawn)
