from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cifar_files import CIFARFiles
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

from mmmux.engine.hooks import ClsPredictionsHook
from mmmux.visualization.scores import with_scores

CLASSES = ('dog', 'cat', 'bird')


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


def picture(path: Path, seed: int) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return np.asarray(Image.open(path).convert('RGB'))


def folders(root: Path, *names: str):
    """A data set of class folders below root/train, and its pictures."""
    pictures = {name: picture(root / 'train' / name, number) for number, name in enumerate(names)}
    return DATASETS.build(dict(type='mmmux.ImageFolder', data_root=str(root), data_prefix='train', test_mode=True,
                               metainfo=dict(classes=CLASSES), pipeline=[dict(type='mmmux.LoadImage'), dict(type='PackInputs')],
                               )), pictures


def samples_of(dataset, indices, scores, labelled: bool = True) -> list:
    """Return samples as a model would predict them for these pictures."""
    samples = []
    for index, score in zip(indices, scores):
        sample = dataset[index]['data_samples'].set_pred_score(torch.as_tensor(score))
        if not labelled:
            del sample.gt_label
        samples.append(sample)
    return samples


def draw(hook, dataset, *batches, batch_size: int = 2) -> None:
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset, batch_size=batch_size))
    for number, samples in enumerate(batches):
        hook.after_test_iter(runner, number, None, samples)


def drawn(folder: Path) -> dict[str, np.ndarray]:
    return {str(path.relative_to(folder)): np.asarray(Image.open(path)) for path in folder.rglob('*.png')}


@pytest.fixture
def scores():
    return torch.rand(8, 3, generator=torch.Generator().manual_seed(1)).softmax(1)


@pytest.mark.parametrize('labelled', [True, False])
def test_pictures_with_their_scores_in_the_same_subfolders(tmp_path, scores, labelled):
    names = ('bird/1.png', 'cat/1.png', 'cat/kittens/1.png', 'dog/v1.0 x.png')
    dataset, pictures = folders(tmp_path, *names)
    found = [Path(dataset.get_data_info(index)['img_path']).relative_to(tmp_path / 'train') for index in range(4)]
    samples = samples_of(dataset, range(4), scores, labelled)
    draw(ClsPredictionsHook(str(tmp_path / 'seen')), dataset, samples[:2], samples[2:])
    seen = drawn(tmp_path / 'seen')
    assert set(seen) == set(names)
    for name, score in zip(map(str, found), scores):
        truth = [CLASSES.index(name.split('/')[0])] if labelled else None
        np.testing.assert_array_equal(seen[name], with_scores(pictures[name], score.numpy(), CLASSES, truth))


def test_file_formats_become_png_and_pictures_are_rgb(tmp_path, scores):
    dataset, pictures = folders(tmp_path, 'bird/1.jpg', 'cat/2.jpeg', 'dog/3.bmp')
    draw(ClsPredictionsHook(str(tmp_path / 'seen')), dataset, samples_of(dataset, range(3), scores))
    seen = drawn(tmp_path / 'seen')
    assert set(seen) == {'bird/1.png', 'cat/2.png', 'dog/3.png'}
    np.testing.assert_array_equal(
        seen['dog/3.png'], with_scores(pictures['dog/3.bmp'], scores[2].numpy(), CLASSES, [0]))


@pytest.mark.parametrize('name', ['CIFAR10', 'CIFAR100'])
def test_pictures_without_files_are_named_by_their_numbers(tmp_path, monkeypatch, name):
    """Also where a process sees every other picture, as the first of two."""
    from mmmux import datasets
    kind = getattr(datasets, name)
    files = CIFARFiles(tmp_path, kind, test=5)
    for key, value in files.lists.items():
        monkeypatch.setattr(kind, key, value)
    dataset = DATASETS.build(dict(type=f'mmmux.{name}', data_root=str(tmp_path), split='test', test_mode=True, pipeline=[
        dict(type='Resize', scale=(64, 64)), dict(type='PackInputs')]))
    classes = dataset.metainfo['classes']
    scores = torch.rand(5, len(classes)).softmax(1)
    samples = samples_of(dataset, (0, 2, 4), scores[[0, 2, 4]])
    draw(ClsPredictionsHook(str(tmp_path / 'seen')), dataset, samples[:2], samples[2:])
    seen = drawn(tmp_path / 'seen')
    assert set(seen) == {f'{index:06d}.png' for index in (0, 2, 4)}
    for index in (0, 2, 4):
        expected = with_scores(files.pictures['test'][index], scores[index].numpy(), classes, [files.labels['test'][index]])
        np.testing.assert_array_equal(seen[f'{index:06d}.png'], expected)


def test_several_views_of_a_picture_are_drawn_once(tmp_path, scores):
    """As test-time augmentation merges them."""
    from mmpretrain.models import AverageClsScoreTTA
    dataset, pictures = folders(tmp_path, 'bird/1.png', 'cat/1.png', 'dog/1.png')
    views = [samples_of(dataset, [0], [score])[0] for score in scores[:2]]
    merged = AverageClsScoreTTA._merge_single_sample(None, views)
    draw(ClsPredictionsHook(str(tmp_path / 'seen')), dataset, [merged])
    expected = with_scores(pictures['bird/1.png'], scores[:2].mean(0).numpy(), CLASSES, [2])
    np.testing.assert_array_equal(drawn(tmp_path / 'seen')['bird/1.png'], expected)
