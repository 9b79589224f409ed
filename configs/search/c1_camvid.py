# Road scenes of 96 x 128 pixels, segmented at an eighth of that.
_base_ = ['../c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py', '../_base_/search_space.py']

scale, crop_size = (128, 96), (96, 128)
changes = dict(
    RandomResize=dict(scale=scale, ratio_range=(1., 2.)), Resize=dict(scale=scale), RandomCrop=dict(crop_size=crop_size))
train_pipeline = [dict(step, **changes.get(step['type'], {})) for step in _base_.train_pipeline]
test_pipeline = [dict(step, **changes.get(step['type'], {})) for step in _base_.test_pipeline]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(data_preprocessor=dict(size=crop_size))

search = dict(
    space=dict(head_channels=(1280, )),  # not built: the decoder takes stage 6
    network='model.backbone',
    channels={'model.decode_head.in_channels': 6, 'model.auxiliary_head.in_channels': 4},
    size=crop_size,
    metric='mIoU',
    best=100,
    budgets=dict(params=1.1e6, macs=140e6),
    starts=('s', ),
    evaluations=40,
    initial=12,
    batch=4,
    schedule={
        'train_cfg.max_iters': 120,
        'param_scheduler.1.end': 120,
    },
    time_limit=1800,
    executor=dict(type='local', workers=2))
