# BCCD: 364 pictures of blood cells (github.com/Shenggan/BCCD_Dataset), VOC layout; trainval for training, test for testing.
_base_ = './ssdlite_pipelines_320.py'

data_root = 'data/bccd/'
classes = ('RBC', 'WBC', 'Platelets')
palette = [(220, 50, 47), (38, 110, 220), (255, 190, 0)]

# One magnification and no up or down: cells are mirrored both ways, but not shrunk as SSD does by expanding the canvas.
train_pipeline = [
    dict(type='mmmux.LoadImageOrSkip'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='MinIoURandomCrop', min_ious=(0.3, 0.5, 0.7, 0.9), min_crop_size=0.5),
    dict(type='Resize', scale=(320, 320), keep_ratio=False),
    dict(type='RandomFlip', prob=0.75, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='PhotoMetricDistortion', brightness_delta=32, contrast_range=(0.5, 1.5), saturation_range=(0.5, 1.5),
         hue_delta=18),
    dict(type='PackDetInputs'),
]

dataset = dict(
    type='mmmux.VOCDataset',
    data_root=data_root,
    data_prefix=dict(sub_data_root='VOC2007/'),
    metainfo=dict(classes=classes, palette=palette))
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=None,
    dataset=dict(
        **dataset,
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, ann_file='VOC2007/ImageSets/Main/test.txt', test_mode=True, pipeline={{_base_.test_pipeline}}))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmmux.VOCMetric', metric='mAP', eval_mode='11points')
test_evaluator = val_evaluator

