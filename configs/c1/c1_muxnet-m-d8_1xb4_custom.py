# A segmentor of your own data: copy this file beside itself and change the lines below; everything else follows from them.
_base_ = [
    '../_base_/models/c1_muxnet-m-d8.py', '../_base_/datasets/ade20k_512x512.py', '../_base_/schedules/segmentation_camvid.py',
    '../_base_/segmentation_runtime.py'
]

data_root = 'data/mine/'  # images/{training,validation}/*.jpg, annotations/{training,validation}/*.png, a class number a pixel
classes = ('road', 'car')
zero_is_unlabelled = False  # whether 0 is no class, so that the classes are numbered from 1
train, val, test = 'training', 'validation', 'validation'
picture_suffix = '.jpg'
size = 512  # pixels: the shorter edge of a picture, and the side of a training crop
max_iters = 4000

train_pipeline, test_pipeline, tta_pipeline = _base_.train_pipeline, _base_.test_pipeline, _base_.tta_pipeline
train_pipeline[2].scale = test_pipeline[1].scale = (4 * size, size)
train_pipeline[3].crop_size = (size, size)
tta_pipeline[1].transforms[0] = [
    dict(type='Resize', scale=(4 * size, round(ratio * size)), keep_ratio=True) for ratio in (0.5, 0.75, 1., 1.25, 1.5, 1.75)]
dataset = dict(
    type='mmmux.SegDataset', data_root=data_root, metainfo=dict(classes=classes), img_suffix=picture_suffix,
    reduce_zero_label=zero_is_unlabelled)
prefixes = [dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}') for split in (train, val, test)]
train_dataloader = dict(dataset=dict(**dataset, data_prefix=prefixes[0], pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, data_prefix=prefixes[1], pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(**dataset, data_prefix=prefixes[2], pipeline=test_pipeline))

model = dict(
    data_preprocessor=dict(size=(size, size), size_divisor=None),
    decode_head=dict(num_classes=len(classes)),
    auxiliary_head=dict(num_classes=len(classes)))
interval = max(1, max_iters // 8)
train_cfg = dict(max_iters=max_iters, val_interval=interval)
default_hooks = dict(checkpoint=dict(interval=interval))
warm_up = min(50, max_iters // 2)
param_scheduler = [dict(_base_.param_scheduler[0], end=warm_up), dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters)]
