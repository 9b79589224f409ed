# A detector of blood cells in pictures of 160 x 160 pixels; test.txt is kept for what comes out of the search.
_base_ = ['../ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py', '../_base_/search_space.py']

scale = (160, 160)
train_pipeline = [
    dict(step, scale=scale) if step['type'] == 'Resize' else step for step in _base_.train_pipeline]
test_pipeline = [
    dict(step, scale=scale) if step['type'] == 'Resize' else step for step in _base_.test_pipeline]
train_dataloader = dict(
    drop_last=True, dataset=dict(ann_file='VOC2007/ImageSets/Main/train.txt', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(ann_file='VOC2007/ImageSets/Main/val.txt', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

model = dict(bbox_head=dict(anchor_generator=dict(
    strides=[8, 16, 32, 53, 80, 160], min_sizes=[12, 31, 58, 93, 102, 107], max_sizes=[31, 58, 93, 102, 107, 112])))

search = dict(
    network='model.backbone',
    channels={f'model.{key}.{place}': stage for key in ('neck.in_channels', 'neck.out_channels', 'bbox_head.in_channels')
              for place, stage in enumerate((2, 4, 7))},
    size=(160, 160),
    metric='pascal_voc/mAP',
    budgets=dict(params=2e6, macs=75e6),
    starts=('s', ),
    evaluations=40,
    initial=12,
    batch=4,
    schedule={
        'train_dataloader.batch_size': 4,
        'train_cfg.max_epochs': 6,
        'param_scheduler.0.end': 40,
        'param_scheduler.1.T_max': 6,
        'param_scheduler.1.end': 6,
    },
    time_limit=1800,
    executor=dict(type='local', workers=2))
