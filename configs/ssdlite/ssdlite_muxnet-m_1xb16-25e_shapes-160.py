_base_ = [
    '../_base_/models/ssdlite_muxnet-m.py', '../_base_/datasets/shapes_ssdlite.py', '../_base_/schedules/ssdlite.py',
    '../_base_/detection_runtime.py'
]

model = dict(
    backbone=dict(out_indices=(2, 4, 7)),
    neck=dict(
        in_channels=(40, 112, 1280), out_channels=(40, 112, 1280, 256), level_strides=(2, ), level_paddings=(1, )),
    bbox_head=dict(
        num_classes=4,
        in_channels=(40, 112, 1280, 256),
        anchor_generator=dict(
            strides=[8, 16, 32, 64], ratios=[[2], [2], [2], [2]], min_sizes=[24, 38, 50, 60], max_sizes=[38, 50, 60, 70])))

max_epochs = 25
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', begin=0, T_max=max_epochs, end=max_epochs, by_epoch=True, eta_min=0),
]
optim_wrapper = dict(optimizer=dict(lr=0.04))
auto_scale_lr = dict(base_batch_size=16)
