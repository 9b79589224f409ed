"""Write configs of trainings that take seconds: shortened versions of this package's recipes, on drawn images.

They contain every kind of state that a resumed training must restore: random numbers of Python, numpy and torch in the
augmentation, dropout, and averaged weights.
"""
from pathlib import Path

import numpy as np
from PIL import Image

from mmmux.datasets import drawn_scenes, drawn_shapes

REPOSITORY = Path(__file__).resolve().parents[2]
_DETECTOR = """
_base_ = '{repository}/configs/ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
train_pipeline = [
    dict(type='mmmux.LoadImageOrSkip'), dict(type='LoadAnnotations', with_bbox=True), dict(type='PhotoMetricDistortion'),
    dict(type='Expand', ratio_range=(1, 2)), dict(type='MinIoURandomCrop'),
    dict(type='Resize', scale=(64, 64), keep_ratio=False), *_base_.train_pipeline[-2:],
]
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(data_root='{data}', pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(data_root='{data}'))
test_dataloader = val_dataloader
val_evaluator = dict(iou_thrs=[0.05])  # what is learnt within seconds
train_cfg = dict(max_epochs=3, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=5),
    dict(type='CosineAnnealingLR', begin=1, T_max=2, end=3, by_epoch=True),
]
custom_hooks = [*_base_.custom_hooks, dict(type='mmengine.EMAHook', momentum=0.1)]
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(max_keep_ckpts=2))
"""
_SEGMENTOR = """
_base_ = '{repository}/configs/c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'
train_pipeline = [
    *_base_.train_pipeline[:2], dict(type='RandomCrop', crop_size=(48, 48)), dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'), dict(type='PackSegInputs')
]
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(data_root='{data}', pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(data_root='{data}'))
test_dataloader = val_dataloader
model = dict(data_preprocessor=dict(size=(48, 48)), backbone=dict(norm_cfg=dict(type='BN')), decode_head=dict(
    norm_cfg=dict(type='BN'), dropout_ratio=0.3), auxiliary_head=dict(norm_cfg=dict(type='BN')))
train_cfg = dict(max_iters=12, val_interval=4)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=5),
    dict(type='PolyLR', eta_min=0, power=0.9, begin=5, end=12, by_epoch=False),
]
custom_hooks = [*_base_.custom_hooks, dict(type='mmengine.EMAHook', momentum=0.1)]
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=3, max_keep_ckpts=2, save_best='mIoU'))
"""
_CLASSIFIER = """
_base_ = '{repository}/configs/classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py'
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False, dataset=dict(data_root='{data}'))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(data_root='{data}'))
test_dataloader = val_dataloader
model = dict(backbone=dict(norm_cfg=dict(type='BN')))
train_cfg = dict(max_epochs=3, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=5),
    dict(type='CosineAnnealingLR', begin=1, T_max=2, end=3, by_epoch=True),
]
custom_hooks = [*_base_.custom_hooks, dict(type='mmengine.EMAHook', momentum=0.1)]
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval=1, max_keep_ckpts=2, save_best='accuracy/top1', rule='greater'))
"""


def detector(folder: Path) -> Path:
    """Write the config of a detector of drawn shapes: three epochs of four iterations, a checkpoint after each epoch."""
    data = drawn_shapes.draw_data_set(folder / 'shapes', train=8, test=4, size=64)
    return _write(folder / 'detector.py', _DETECTOR, data)


def segmentor(folder: Path) -> Path:
    """Write the config of a segmentor of drawn scenes: 12 iterations, a checkpoint every 3 iterations, and the best one."""
    data = drawn_scenes.draw_data_set(folder / 'scenes', train=6, val=3, size=64)
    return _write(folder / 'segmentor.py', _SEGMENTOR, data)


def classifier(folder: Path) -> Path:
    """Write the config of a classifier of coloured patches: three epochs of five iterations, and the best checkpoint."""
    data, rng = folder / 'cifar10_folders', np.random.default_rng(0)
    names = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')
    for number in range(40):
        path = data / ('train', 'val')[number % 2] / names[number // 2 % 10] / f'{number}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        patches = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(patches).resize((32, 32), Image.Resampling.NEAREST).save(path)
    return _write(folder / 'classifier.py', _CLASSIFIER, data)


def _write(path: Path, text: str, data: Path) -> Path:
    path.write_text(text.format(repository=REPOSITORY, data=data))
    return path
