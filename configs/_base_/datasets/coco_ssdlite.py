# COCO 2017: train2017 for training, val2017 for testing.
_base_ = './ssdlite_pipelines_320.py'

data_root = 'data/coco/'
train_dataloader = dict(
    batch_size=24,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # the last level is 1 x 1, where batch normalisation cannot do with one picture
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=None,
    # Five rounds count as one epoch, so that fewer checkpoints and tests interrupt the training.
    dataset=dict(
        type='RepeatDataset',
        times=5,
        dataset=dict(
            type='mmmux.CocoDataset',
            data_root=data_root,
            ann_file='annotations/instances_train2017.json',
            data_prefix=dict(img='train2017/'),
            filter_cfg=dict(filter_empty_gt=True, min_size=32),
            pipeline={{_base_.train_pipeline}})))
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmmux.CocoDataset',
        data_root=data_root,
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline={{_base_.test_pipeline}}))
test_dataloader = val_dataloader

val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'annotations/instances_val2017.json', metric='bbox')
test_evaluator = val_evaluator
