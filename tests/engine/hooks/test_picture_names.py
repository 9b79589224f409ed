from types import SimpleNamespace

import numpy as np
import pytest
import torch
from facts import raises
from mmengine.structures import InstanceData
from PIL import Image

from mmmux.engine.hooks.picture_names import PictureNames
from mmmux.utils.errors import DatasetError


def data(**prefix) -> SimpleNamespace:
    return SimpleNamespace(data_prefix=prefix)


def voc(root: str) -> SimpleNamespace:
    return SimpleNamespace(data_prefix=dict(sub_data_root=root), img_subdir='JPEGImages')


SEVERAL = SimpleNamespace(datasets=[voc('/data/x/'), SimpleNamespace(dataset=voc('/data/y/'))])
CASES = [
    (data(img_path='/data/images'), 'images/a/1.jpg', 'a/1'), (data(img='/data/'), 'images/a/1.jpg', 'images/a/1'),
    (voc('/data/VOC2007/'), 'VOC2007/JPEGImages/a/1.jpg', 'a/1'), (voc('/data/VOC2007/'), 'VOC2007/JPEGImages/1.jpg', '1'),
    (SEVERAL, 'x/JPEGImages/1.jpg', 'x/JPEGImages/1'), (SEVERAL, 'y/JPEGImages/1.jpg', 'y/JPEGImages/1'),
    (SimpleNamespace(datasets=[voc('/data/x/'), voc('/data/x/')]), 'x/JPEGImages/b/1.jpg', 'b/1'),
    (SimpleNamespace(), 'x/1.jpg', '1'), (data(img_path='/data/images'), 'elsewhere/1.jpg', '1'),
]


@pytest.mark.parametrize('dataset,picture,name', CASES)
def test_folders_are_kept(dataset, picture, name):
    assert str(PictureNames().name(f'/data/{picture}', dataset)) == f'{name}.png'
    assert str(PictureNames().name(f'/data/{picture}', dataset, suffix=None)) == f'{name}.jpg'


def test_two_that_would_have_one_name():
    names, dataset = PictureNames(), data(img_path='/data')
    for picture in ('/data/a.jpg', '/data/a.jpg', '/data/b/a.jpg'):
        names.name(picture, dataset)
    with raises(DatasetError, '/data/a.jpg', '/data/a.png'):
        names.name('/data/a.png', dataset)


def test_drawn_boxes_of_pictures_in_several_folders(tmp_path):
    from mmdet.structures import DetDataSample
    from mmdet.visualization import DetLocalVisualizer

    from mmmux.tasks.draw_boxes_hook import DrawBoxesHook
    visualizer = DetLocalVisualizer.get_instance('drawn boxes of several folders')
    visualizer.dataset_meta = dict(classes=('cell', ), palette=[(255, 0, 0)])
    hook, samples = DrawBoxesHook(draw=True, test_out_dir=str(tmp_path / 'drawn')), []
    for number, folder in enumerate('xy'):
        path = tmp_path / folder / 'JPEGImages/a.png'
        path.parent.mkdir(parents=True)
        Image.fromarray(np.full((60, 80, 3), 100 * number, np.uint8)).save(path)
        boxes = dict(bboxes=torch.tensor([[10., 10, 30, 40]]), labels=torch.tensor([0]))
        samples.append(DetDataSample(metainfo=dict(img_path=str(path)), gt_instances=InstanceData(**boxes),
                                     pred_instances=InstanceData(**boxes, scores=torch.tensor([.9]))))
    dataset = SimpleNamespace(datasets=[voc(f'{tmp_path}/{folder}/') for folder in 'xy'])
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset), visualizer=visualizer)
    hook.after_test_iter(runner, 0, None, samples)
    drawn = [np.asarray(Image.open(tmp_path / f'drawn/{folder}/JPEGImages/a.png')) for folder in 'xy']
    assert [image.shape for image in drawn] == [(60, 160, 3)] * 2  # the labels are on the left
    assert [int(image[-1, -1, 0]) for image in drawn] == pytest.approx([0, 100], abs=2)
