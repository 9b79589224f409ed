# Drawn shapes (mmmux.datasets.drawn_shapes), 160 x 160 pixels: what `make demo` trains on.
data_root = 'data/shapes/'
metainfo = dict(
    classes=('circle', 'square', 'triangle', 'cross'),
    palette=[(230, 60, 60), (60, 120, 230), (250, 190, 40), (80, 190, 90)])

train_pipeline = [
    dict(type='mmmux.LoadImageOrSkip'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(160, 160), keep_ratio=False),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='Resize', scale=(160, 160), keep_ratio=False)],
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='LoadAnnotations', with_bbox=True)],
        [dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip',
                                               'flip_direction'))],
    ]),
]

dataset = dict(
    type='mmmux.VOCDataset', data_root=data_root, data_prefix=dict(sub_data_root='VOC2007/'), metainfo=metainfo)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=None,
    dataset=dict(
        **dataset,
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, ann_file='VOC2007/ImageSets/Main/test.txt', test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmmux.VOCMetric', metric='mAP', eval_mode='11points')
test_evaluator = val_evaluator
