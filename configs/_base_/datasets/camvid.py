# CamVid: road scenes of 480 x 360 pixels in ADE20K's layout, 0 = unlabelled, 11 classes.
_base_ = './ade20k_512x512.py'

data_root = 'data/camvid/'
crop_size = (192, 256)
scale = (360, 270)
metainfo = dict(
    classes=('sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign symbol', 'fence', 'car', 'pedestrian', 'bicyclist'),
    palette=[(128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (0, 0, 192), (128, 128, 0), (192, 128, 128),
             (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192)])

train_pipeline = [
    dict(type='mmmux.LoadImageOrSkip'),
    dict(type='mmmux.LoadLabelMapOrSkip'),
    dict(type='RandomResize', scale=scale, ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='Resize', scale=tuple(round(side * ratio) for side in scale), keep_ratio=True)
         for ratio in (0.75, 1., 1.25)],
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='LoadAnnotations')],
        [dict(type='PackSegInputs')],
    ]),
]

dataset = dict(type='mmmux.SegDataset', data_root=data_root, metainfo=metainfo, reduce_zero_label=True)
train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline))
test_dataloader = val_dataloader
