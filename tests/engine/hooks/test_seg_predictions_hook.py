from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from facts import raises
from PIL import Image

from mmmux.datasets.label_maps import LoadLabelMap
from mmmux.datasets.loading import read_picture
from mmmux.datasets.segmentation import ADE20KDataset, SegDataset
from mmmux.engine.hooks.seg_predictions_hook import SegPredictionsHook, original_numbers
from mmmux.tasks import Segmentation
from mmmux.utils.errors import DatasetError
from mmmux.visualization.overlay import overlay

CLASSES, PALETTE = ('sky', 'road', 'tree'), [[120, 190, 240], [150, 120, 90], [80, 190, 90]]


def any_classes(number: int, **options) -> SegDataset:
    return SegDataset(metainfo=dict(classes=tuple(map(str, range(number)))), lazy_init=True, **options)


def ade20k(*classes: str, **options) -> ADE20KDataset:
    return ADE20KDataset(metainfo=dict(classes=classes) if classes else None, lazy_init=True, **options)


def load(path: Path, dataset, labels: int) -> np.ndarray:
    """As training reads a label map that holds this many numbers."""
    with Image.open(path) as image:
        size = image.size
    info = dict(seg_map_path=str(path), img_path='', ori_shape=size[::-1], labels=labels, seg_fields=[],
                label_map=dataset.label_map, reduce_zero_label=dataset.reduce_zero_label)
    return LoadLabelMap().transform(info)['gt_seg_map']


@pytest.mark.parametrize('dataset,labels', [
    *((any_classes(number, reduce_zero_label=reduce), number) for number in (1, 3, 254) for reduce in (False, True)),
    *((ade20k(*classes, reduce_zero_label=reduce), 150) for reduce in (False, True)
      for classes in ((), ('wall', ), ('flag', 'sky', 'wall', 'bed '), ADE20KDataset.METAINFO['classes'][::-1])),
])
def test_loading_gives_back_what_was_predicted(tmp_path, dataset, labels):
    predicted = np.random.default_rng(0).permutation(np.arange(len(dataset.metainfo['classes'])).repeat(3)).reshape(3, -1)
    original_numbers(predicted, dataset.metainfo).save(tmp_path / 'a.png')
    np.testing.assert_array_equal(load(tmp_path / 'a.png', dataset, labels), predicted)


@pytest.mark.parametrize('dataset,predicted,written', [
    (any_classes(3), [0, 1, 2], [0, 1, 2]),
    (any_classes(3, reduce_zero_label=True), [0, 1, 2], [1, 2, 3]),
    (ade20k('flag', 'sky', 'wall'), [0, 1, 2], [150, 3, 1]),  # 'objectInfo150.txt' of ADE20K counts from 1
    (ade20k(), [0, 2, 149], [1, 3, 150]),
])
def test_numbers_by_hand(dataset, predicted, written):
    assert np.asarray(original_numbers(np.array([predicted]), dataset.metainfo)).tolist() == [written]


@pytest.mark.parametrize('number,reduce_zero_label,bits', [(256, False, 8), (255, True, 8), (257, False, 16), (256, True, 16)])
def test_numbers_above_255_are_written_in_16_bits(tmp_path, number, reduce_zero_label, bits):
    metainfo = any_classes(number, reduce_zero_label=reduce_zero_label).metainfo
    original_numbers(np.arange(number)[None], metainfo).save(tmp_path / 'a.png')
    with Image.open(tmp_path / 'a.png') as image:
        assert image.mode == {8: 'L', 16: 'I;16'}[bits]
        assert np.asarray(image).tolist() == [list(range(reduce_zero_label, number + reduce_zero_label))]


class TestHook:

    @pytest.fixture
    def test_on(self, tmp_path):
        """Give a hook predictions of pictures, one batch; return its label maps and overlays."""
        def run(dataset, predictions: dict) -> tuple[dict, dict]:
            hook = SegPredictionsHook(str(tmp_path / 'maps'), str(tmp_path / 'seen'))
            outputs = [SimpleNamespace(img_path=str(path), pred_sem_seg=SimpleNamespace(data=torch.as_tensor(labels)))
                       for path, labels in predictions.items()]
            hook.after_test_iter(SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset)), 0, None, outputs)
            return tuple({str(path.relative_to(folder)): np.asarray(Image.open(path)) for path in folder.rglob('*.png')}
                         for folder in (tmp_path / 'maps', tmp_path / 'seen'))
        return run

    def dataset(self, root: Path, **options) -> SegDataset:
        return SegDataset(**{'data_root': str(root), 'data_prefix': dict(img_path='images'), 'lazy_init': True,
                             'metainfo': dict(classes=CLASSES, palette=PALETTE), **options})

    def pictures(self, folder: Path, *names: str) -> list[Path]:
        paths = [folder / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(len(str(path))).integers(0, 256, (4, 6, 3), dtype=np.uint8)
            Image.fromarray(noise).save(path)
        return paths

    def test_same_names_in_other_subfolders_stay_apart(self, test_on, tmp_path):
        names = ('a/1.jpg', 'b/1.jpg', 'b/c/1.jpg', '1.jpg', 'v1.0 x.jpg')
        paths = self.pictures(tmp_path / 'images', *names)
        predicted = [np.random.default_rng(number).integers(0, 3, (1, 4, 6)) for number in range(len(names))]
        maps, seen = test_on(self.dataset(tmp_path, reduce_zero_label=True), dict(zip(paths, predicted)))
        wanted = dict(zip([name.replace('.jpg', '.png') for name in names], predicted))
        assert set(maps) == set(seen) == set(wanted)
        for name, labels in wanted.items():
            np.testing.assert_array_equal(maps[name], labels[0] + 1)

    def test_overlay_is_of_the_picture_in_rgb(self, test_on, tmp_path):
        (path, ) = self.pictures(tmp_path / 'images', 'a.png')
        labels = np.random.default_rng(0).integers(0, 3, (4, 6))
        _, seen = test_on(self.dataset(tmp_path), {path: labels[None]})
        np.testing.assert_array_equal(seen['a.png'], overlay(np.asarray(Image.open(path)), labels, CLASSES, PALETTE))

    def test_threshold_predicts_numbers_that_are_no_integers(self, test_on, tmp_path):
        (path, ) = self.pictures(tmp_path / 'images', 'a.jpg')
        labels = np.random.default_rng(0).integers(0, 2, (1, 4, 6))
        of_floats, of_integers = (test_on(self.dataset(tmp_path), {path: predicted}) for predicted in (
            labels.astype(np.float32), labels))
        for ours, theirs in zip(of_floats, of_integers):
            np.testing.assert_array_equal(ours['a.png'], theirs['a.png'])
        sample = SimpleNamespace(pred_sem_seg=SimpleNamespace(data=torch.as_tensor(labels.astype(np.float32))))
        model = SimpleNamespace(dataset_meta=dict(classes=CLASSES, palette=PALETTE))
        drawn = Segmentation().draw(read_picture(path, channel_order='rgb'), sample, model, 0.3)  # as image_demo does
        np.testing.assert_array_equal(drawn, of_integers[1]['a.png'])

    @pytest.mark.parametrize('shape', [(4, 6), (1, 4, 6)])
    def test_predictions_with_and_without_a_channel(self, test_on, tmp_path, shape):
        paths = self.pictures(tmp_path / 'images', 'a.jpg')
        labels = np.random.default_rng(0).integers(0, 3, (4, 6))
        maps, _ = test_on(self.dataset(tmp_path), {paths[0]: labels.reshape(shape)})
        np.testing.assert_array_equal(maps['a.png'], labels)

    @pytest.mark.parametrize('shape', [(1, 6), (1, 1, 6)])
    def test_picture_of_one_row(self, tmp_path, shape):
        sample = SimpleNamespace(img_path='images/a.jpg', pred_sem_seg=SimpleNamespace(data=torch.zeros(shape, dtype=int)))
        runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=self.dataset(tmp_path)))
        SegPredictionsHook(label_map_dir=str(tmp_path / 'maps')).after_test_iter(runner, 0, None, [sample])
        assert Image.open(tmp_path / 'maps/a.png').size == (6, 1)
        assert [path.name for path in tmp_path.iterdir()] == ['maps']

    @pytest.mark.parametrize('folder', ['s3://bucket/images', '', 'images'])
    def test_subfolders_on_servers_and_in_the_working_directory(self, tmp_path, monkeypatch, folder):
        monkeypatch.chdir(tmp_path)
        dataset = self.dataset(tmp_path, data_root=None, data_prefix=dict(img_path=folder))
        pictures = [f'{folder or "."}/{name}/1.jpg' for name in 'ab']
        outputs = [SimpleNamespace(img_path=path, pred_sem_seg=SimpleNamespace(data=torch.full((1, 4, 6), number)))
                   for number, path in enumerate(pictures)]
        runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))
        SegPredictionsHook(label_map_dir='maps').after_test_iter(runner, 0, None, outputs)
        assert [np.asarray(Image.open(f'maps/{name}/1.png')).max() for name in 'ab'] == [0, 1]

    def test_two_pictures_that_would_have_the_same_name(self, tmp_path):
        """As with a data set made of several, which has no folder of pictures of its own."""
        outputs = [SimpleNamespace(img_path=f'{name}/1.jpg', pred_sem_seg=SimpleNamespace(data=torch.zeros(1, 4, 6, dtype=int)))
                   for name in 'ab']
        runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=CLASSES))))
        hook = SegPredictionsHook(label_map_dir=str(tmp_path))
        hook.after_test_iter(runner, 0, None, outputs[:1])
        hook.after_test_iter(runner, 1, None, outputs[:1])  # the same picture again, as the last batch of several processes
        with raises(DatasetError, 'a/1.jpg', 'b/1.jpg', 'as 1.png'):
            hook.after_test_iter(runner, 2, None, outputs[1:])

    def test_picture_from_elsewhere_is_written_inside_the_folder(self, test_on, tmp_path):
        paths = self.pictures(tmp_path / 'elsewhere', 'a/1.jpg')
        maps, _ = test_on(self.dataset(tmp_path), {paths[0]: np.ones((1, 4, 6), int)})
        assert set(maps) == {'1.png'} and (maps['1.png'] == 1).all()
