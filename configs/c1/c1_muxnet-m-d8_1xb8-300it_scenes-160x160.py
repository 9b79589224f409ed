# A first network in a few minutes, from random weights, on one CPU: `make demo-seg`.
_base_ = [
    '../_base_/models/c1_muxnet-m-d8.py', '../_base_/datasets/drawn_scenes.py', '../_base_/schedules/segmentation_camvid.py',
    '../_base_/segmentation_runtime.py'
]

max_iters = 300
train_cfg = dict(max_iters=max_iters, val_interval=100)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', eta_min=0, power=0.9, begin=50, end=max_iters, by_epoch=False),
]
model = dict(
    data_preprocessor=dict(size=(160, 160), size_divisor=None),
    decode_head=dict(num_classes=6),
    auxiliary_head=dict(num_classes=6))
default_hooks = dict(checkpoint=dict(interval=100))
auto_scale_lr = dict(base_batch_size=8)
