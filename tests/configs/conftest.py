import json
import random
import re
import shutil

import pytest
import torch
from mmengine.logging import MMLogger

from mmmux.datasets.drawn_shapes import draw_data_set


@pytest.fixture(autouse=True)
def _no_loggers_are_left():
    yield
    MMLogger._instance_dict.clear()  # those of a run write to a standard output that pytest has closed by then


@pytest.fixture
def batch():
    """Random pictures of a size, each with random boxes, as a data loader gives them."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    def make(size: tuple[int, int], classes: int, pictures: int = 2) -> dict:
        height, width = size
        samples = []
        for _ in range(pictures):
            sample = DetDataSample(metainfo=dict(img_shape=size, ori_shape=size, pad_shape=size, scale_factor=(1., 1.)))
            corners = torch.rand(5, 2) * torch.tensor([width, height]) * 0.6
            sides = (torch.rand(5, 2) * 0.35 + 0.04) * torch.tensor([width, height])
            sample.gt_instances = InstanceData(
                bboxes=torch.cat([corners, corners + sides], 1), labels=torch.randint(classes, (5, )))
            samples.append(sample)
        inputs = [torch.randint(0, 256, (3, height, width), dtype=torch.uint8) for _ in samples]
        return dict(inputs=inputs, data_samples=samples)

    return make


@pytest.fixture
def seg_batch():
    """Random pictures of a size with random label maps, some of it ignored, as a data loader gives them."""
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    def make(size: tuple[int, int], classes: int, pictures: int = 2) -> dict:
        samples = []
        for _ in range(pictures):
            sample = SegDataSample(metainfo=dict(img_shape=size, ori_shape=size, pad_shape=size, padding_size=[0] * 4))
            labels = torch.randint(classes, (1, *size))
            labels[:, :, :5] = 255
            sample.gt_sem_seg = PixelData(data=labels)
            samples.append(sample)
        return dict(inputs=[torch.randint(0, 256, (3, *size), dtype=torch.uint8) for _ in samples], data_samples=samples)

    return make


@pytest.fixture(scope='session')
def coco(tmp_path_factory):
    """COCO 2017 with six training pictures: one has no object, and one has a crowd and a box without area."""
    from mmdet.datasets import CocoDataset
    root = tmp_path_factory.mktemp('data') / 'coco'
    # COCO's category numbers have gaps: 80 classes are numbered up to 90.
    categories = [dict(id=number + number // 9, name=name, supercategory='thing')
                  for number, name in enumerate(CocoDataset.METAINFO['classes'], 1)]
    drawn = draw_data_set(root / 'drawn', train=6, test=3, size=96)
    names = random.Random(0)
    (root / 'annotations').mkdir()
    for split, source in (('train2017', 'trainval'), ('val2017', 'test')):
        (root / split).mkdir()
        images, annotations = [], []
        for name in (drawn / f'VOC2007/ImageSets/Main/{source}.txt').read_text().split():
            shutil.copy(drawn / f'VOC2007/JPEGImages/{name}.jpg', root / split / f'{name}.jpg')
            images.append(dict(id=int(name) + 139, file_name=f'{name}.jpg', width=96, height=96))
            text = (drawn / f'VOC2007/Annotations/{name}.xml').read_text()
            corners = [re.findall(f'<{side}>(.*?)</{side}>', text) for side in ('xmin', 'ymin', 'xmax', 'ymax')]
            for x1, y1, x2, y2 in zip(*([int(value) - 1 for value in side] for side in corners)):
                annotations.append(dict(bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1), iscrowd=0,
                                        image_id=images[-1]['id'], category_id=names.choice(categories)['id']))
        if split == 'train2017':
            first, second = images[0]['id'], images[1]['id']
            annotations = [annotation for annotation in annotations if annotation['image_id'] != first]
            annotations.append(dict(bbox=[5, 5, 40, 40], area=1600, iscrowd=1, image_id=second, category_id=1))
            annotations.append(dict(bbox=[5, 5, 0, 40], area=0, iscrowd=0, image_id=second, category_id=1))
        for number, annotation in enumerate(annotations, 1):
            annotation.update(id=number, segmentation=[])
        (root / f'annotations/instances_{split}.json').write_text(
            json.dumps(dict(images=images, annotations=annotations, categories=categories)))
    return root
