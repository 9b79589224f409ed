# Drawn scenes (mmmux.datasets.drawn_scenes), 160 x 160 pixels in ADE20K's layout: what `make demo-seg` trains on.
_base_ = './ade20k_512x512.py'

data_root = 'data/scenes/'
metainfo = dict(
    classes=('sky', 'ground', 'circle', 'square', 'triangle', 'cross'),
    palette=[(120, 190, 240), (150, 120, 90), (230, 60, 60), (60, 120, 230), (250, 190, 40), (80, 190, 90)])

train_pipeline = [
    dict(type='mmmux.LoadImageOrSkip'),
    dict(type='mmmux.LoadLabelMapOrSkip'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(160, 160), keep_ratio=False),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='Resize', scale=(side, side), keep_ratio=False) for side in (128, 160, 192)],
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='LoadAnnotations')],
        [dict(type='PackSegInputs')],
    ]),
]

dataset = dict(type='mmmux.SegDataset', data_root=data_root, metainfo=metainfo, reduce_zero_label=True)
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline))
test_dataloader = val_dataloader
