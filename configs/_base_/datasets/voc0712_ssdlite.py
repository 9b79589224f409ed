# PASCAL VOC 2007 and 2012 trainval for training, 2007 test for testing.
_base_ = './ssdlite_pipelines_320.py'

data_root = 'data/VOCdevkit/'
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # the last level is 1 x 1, where batch normalisation cannot do with one picture
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=None,
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                type='mmmux.VOCDataset',
                data_root=data_root,
                ann_file=f'{year}/ImageSets/Main/trainval.txt',
                data_prefix=dict(sub_data_root=f'{year}/'),
                filter_cfg=dict(filter_empty_gt=True, min_size=32),
                pipeline={{_base_.train_pipeline}}) for year in ('VOC2007', 'VOC2012')
        ]))
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmmux.VOCDataset',
        data_root=data_root,
        ann_file='VOC2007/ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        test_mode=True,
        pipeline={{_base_.test_pipeline}}))
test_dataloader = val_dataloader

# VOC 2007 is scored at eleven recalls.
val_evaluator = dict(type='mmmux.VOCMetric', metric='mAP', eval_mode='11points')
test_evaluator = val_evaluator

