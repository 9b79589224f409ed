# A detector of your own data: copy this file beside itself and change the lines below; everything else follows from them. The
# anchors are those for VOC; tools/analysis_tools/fit_anchors.py CONFIG --write FITTED writes a config with anchors for your
# boxes.
_base_ = [
    '../_base_/models/ssdlite_muxnet-m.py', '../_base_/datasets/custom_detection.py', '../_base_/schedules/ssdlite_bccd.py',
    '../_base_/detection_runtime.py'
]

data_root = 'data/mine/'
classes = ('cat', 'dog')
annotations = 'coco'  # or 'voc'; other formats: tools/dataset_converters/convert_labels.py
train, val, test = 'train.json', 'val.json', 'val.json'  # in data_root; of 'voc', e.g. 'ImageSets/Main/train.txt'
size = 320  # pixels; pictures are resized to a square
max_epochs = 100

assert annotations in ('coco', 'voc'), f'annotations = {annotations!r} is neither coco nor voc: convert them'
train_pipeline, test_pipeline, tta_pipeline = _base_.train_pipeline, _base_.test_pipeline, _base_.tta_pipeline
for resize in (train_pipeline[4], test_pipeline[1], tta_pipeline[1].transforms[0][0]):
    resize.scale = (size, size)
dataset = dict(data_root=data_root, metainfo=dict(classes=classes), **dict(
    coco=dict(type='mmmux.CocoDataset', data_prefix=dict(img='')),
    voc=dict(type='mmmux.VOCDataset', data_prefix=dict(sub_data_root='')))[annotations])
usable = dict(filter_empty_gt=True, min_size=32)
train_dataloader = dict(dataset=dict(**dataset, ann_file=train, filter_cfg=usable, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, ann_file=val, test_mode=True, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(**dataset, ann_file=test, test_mode=True, pipeline=test_pipeline))
val_evaluator, test_evaluator = [dict(
    coco=dict(type='CocoMetric', metric='bbox', ann_file=f'{data_root.rstrip("/")}/{split}'),
    voc=dict(type='mmmux.VOCMetric', metric='mAP', eval_mode='area'))[annotations] for split in (val, test)]

strides = [round(size / -(-size // 2**level)) for level in range(4, 10)]
sides = [round(side * size / 320) for side in (48, 100, 150, 202, 253, 304, 320)]
model = dict(bbox_head=dict(
    num_classes=len(classes), anchor_generator=dict(strides=strides, min_sizes=sides[:-1], max_sizes=sides[1:])))
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_epochs, end=max_epochs)]
auto_scale_lr = dict(base_batch_size=16)
