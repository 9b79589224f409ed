# ChestX-ray14 as the NIH publishes it: 112,120 pictures of 30,805 patients, mostly gray and of 1024 x 1024 pixels, 14 findings.
data_root = 'data/chestxray14/'
# The NIH holds training and validation in one list. An eighth of its patients validates.
val_fraction = 0.125

train_pipeline = [
    dict(type='mmmux.LoadImageOrSkip'),
    # A finding may be small and at the border, and the labels stay the whole picture's: crops keep half of it or more. From
    # 1024 to 224 pixels are averaged ('area'), as a nodule would otherwise fall between those that are looked at.
    dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.5, 1.0), interpolation='area'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short', interpolation='area'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='ResizeEdge', scale=256, edge='short', interpolation='area')],
        [dict(type='CenterCrop', crop_size=224)],
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='PackInputs')],
    ]),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=8,  # for a GPU, which trains faster than a process decodes pictures of this size
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmmux.ChestXray14', data_root=data_root, split='train', val_fraction=val_fraction, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmmux.ChestXray14',
        data_root=data_root,
        split='val',
        val_fraction=val_fraction,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='mmmux.ChestXray14', data_root=data_root, split='test', test_mode=True, pipeline=test_pipeline))

val_evaluator = dict(type='mmmux.AUROC')
test_evaluator = val_evaluator
