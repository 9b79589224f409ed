# A classifier of your own data: copy this file beside itself and change the lines below; everything else follows from them.
_base_ = [
    '../_base_/models/classifier_muxnet-m.py', '../_base_/datasets/imagenet_224.py', '../_base_/schedules/cifar_scratch.py',
    '../_base_/classification_runtime.py'
]

data_root = 'data/mine'  # one folder of pictures for each class: data/mine/train/cat/*, data/mine/train/dog/*
classes = ('cat', 'dog')
train, val, test = 'train', 'val', 'val'
size = 224  # pixels; pictures are resized and cropped to a square
max_epochs = 100

train_pipeline, test_pipeline, tta_pipeline = _base_.train_pipeline, _base_.test_pipeline, _base_.tta_pipeline
train_pipeline[1].scale = size
for pipeline in (test_pipeline, tta_pipeline):
    pipeline[1].scale, pipeline[2].crop_size = round(size * 256 / 224), size
dataset = dict(_delete_=True, type='mmmux.ImageFolder', data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=32, num_workers=4, dataset=dict(**dataset, data_prefix=train, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32, num_workers=4, dataset=dict(**dataset, data_prefix=val, test_mode=True, pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=32, num_workers=4, dataset=dict(**dataset, data_prefix=test, test_mode=True, pipeline=test_pipeline))
val_evaluator = dict(type='Accuracy', topk=(1, ))
test_evaluator = val_evaluator

# The authors' start of the last layer, made for 1000 classes, is too wide for few.
model = dict(
    data_preprocessor=dict(num_classes=len(classes)),
    head=dict(num_classes=len(classes), topk=(1, ), init_cfg=dict(type='Normal', layer='Linear', std=0.01)))
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_epochs, end=max_epochs)]
optim_wrapper = dict(optimizer=dict(lr=0.02))
auto_scale_lr = dict(base_batch_size=32)
