"""Detectors, segmentors and classifiers of 1, 4 and 10 channels train and test from files, and the demo draws them."""
import json
from pathlib import Path

import numpy as np
import pytest
import small_trainings
import torch
from mmengine.config import Config
from PIL import Image

from mmmux import apis
from mmmux.config import load_config
from mmmux.datasets.voc import read_annotation
from mmmux.tasks import task_of

COMMON = """
_base_ = '{base}'
load = dict(type='mmmux.LoadChannels', channels={channels})
mean, std = [100.] * {channels}, [60.] * {channels}
param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=2)]
"""
DETECTOR = COMMON + """
train_pipeline = [
    load, dict(type='LoadAnnotations', with_bbox=True), dict(type='Resize', scale=(64, 64)), dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs')]
test_pipeline = [load, *_base_.test_pipeline[1:]]
dataset = dict(
    _delete_=True, type='mmmux.CocoDataset', data_root='{data}', data_prefix=dict(img=''), metainfo=_base_.metainfo)
train_dataloader = dict(dataset=dict(**dataset, ann_file='trainval.json', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, ann_file='test.json', test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='CocoMetric', ann_file='{data}/test.json', metric='bbox')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
model = dict(
    data_preprocessor=dict(type='mmmux.DetDataPreprocessor', mean=mean, std=std, bgr_to_rgb=False),
    backbone=dict(in_channels={channels}))
"""
SEGMENTOR = COMMON + """
train_pipeline = [load, _base_.train_pipeline[1], dict(type='RandomCrop', crop_size=(48, 48)), dict(type='PackSegInputs')]
test_pipeline = [load, *_base_.test_pipeline[1:]]
train_dataloader = dict(dataset=dict(img_suffix='.npy', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(img_suffix='.npy', pipeline=test_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=4, val_interval=4)
model = dict(data_preprocessor=dict(mean=mean, std=std, bgr_to_rgb=False), backbone=dict(in_channels={channels}))
"""
CLASSIFIER = COMMON + """
train_dataloader = dict(dataset=dict(extensions=('.npy', ), pipeline=[load, dict(type='PackInputs')]))
val_dataloader = dict(dataset=dict(extensions=('.npy', ), pipeline=[load, dict(type='PackInputs')]))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1)
model = dict(data_preprocessor=dict(mean=mean, std=std, to_rgb=False), backbone=dict(in_channels={channels}))
"""
KINDS = dict(detector=(DETECTOR, 'coco/bbox_mAP'), segmentor=(SEGMENTOR, 'mIoU'), classifier=(CLASSIFIER, 'accuracy/top1'))


def to_arrays(folder: Path, channels: int) -> None:
    """Replace each picture by an array of some of its colours, each in another brightness."""
    for path in [*folder.rglob('*.jpg'), *folder.rglob('*.png')]:
        if 'annotations' in path.parts:
            continue
        colours = np.asarray(Image.open(path).convert('RGB')).astype(np.float32)
        array = np.stack([colours[..., number % 3] * (1 - number / 20) for number in range(channels)], 2)
        np.save(path.with_suffix('.npy'), array)
        path.unlink()


def to_coco(folder: Path, classes) -> None:
    """Write a COCO file for each split of a data set in VOC layout."""
    for split in (folder / 'VOC2007/ImageSets/Main').glob('*.txt'):
        images, boxes = [], []
        for number, name in enumerate(split.read_text().split(), 1):
            images.append(dict(id=number, file_name=f'VOC2007/JPEGImages/{name}.npy', width=64, height=64))
            for box in read_annotation(str(folder / f'VOC2007/Annotations/{name}.xml'), name):
                x1, y1, x2, y2 = box.corners
                boxes.append(dict(id=len(boxes) + 1, image_id=number, category_id=classes.index(box.name) + 1, iscrowd=0,
                                  bbox=[x1 - 1, y1 - 1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1)))
        categories = [dict(id=number, name=name) for number, name in enumerate(classes, 1)]
        (folder / f'{split.stem}.json').write_text(json.dumps(dict(images=images, annotations=boxes, categories=categories)))


@pytest.mark.parametrize(('kind', 'channels'), [
    pytest.param(kind, channels, marks=() if fast == channels else pytest.mark.slow, id=f'{kind} of {channels}')
    for kind, fast in dict(detector=10, segmentor=4, classifier=1).items() for channels in (1, 4, 10)])
def test_from_files_to_the_score(kind, channels, tmp_path):
    base = getattr(small_trainings, kind)(tmp_path)
    data = Path(Config.fromfile(base).test_dataloader.dataset.data_root)
    text, metric = KINDS[kind]
    to_arrays(data, channels)
    if (data / 'VOC2007').is_dir():
        to_coco(data, Config.fromfile(base).metainfo.classes)
    (tmp_path / 'mine.py').write_text(text.format(base=base, channels=channels, data=data))
    cfg = load_config(tmp_path / 'mine.py', work_dir=tmp_path / 'work')
    apis.train(cfg)
    checkpoint = Path((tmp_path / 'work/last_checkpoint').read_text().strip())
    state = torch.load(checkpoint, weights_only=False)['state_dict']
    assert state['backbone.stem.0.weight'].shape[1] == channels

    cfg = load_config(tmp_path / 'mine.py', work_dir=tmp_path / 'tested')
    cfg.load_from = str(checkpoint)
    task_of(cfg).draw_in_test(cfg, tmp_path / 'drawn')
    metrics = apis.test(cfg)
    assert 0 <= metrics[metric] <= 100
    pictures = sorted(data.rglob('*.npy'))
    assert list((tmp_path / 'drawn').rglob('*.png'))

    inferencer = apis.Inferencer(load_config(tmp_path / 'mine.py'), str(checkpoint), 'cpu')
    apis.run_demo(inferencer, [pictures[0]], apis.DemoOptions(tmp_path / 'demo'))
    image = Image.open(tmp_path / 'demo' / f'{pictures[0].stem}.png')
    assert min(image.size) >= 32
