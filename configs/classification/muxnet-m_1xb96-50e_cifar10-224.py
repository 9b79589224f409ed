# The paper: top-1 98.0 % with 2.1 M parameters, from ImageNet weights (model.backbone.init_cfg, see README.md).
_base_ = [
    '../_base_/models/classifier_muxnet-m.py', '../_base_/datasets/cifar10_224.py',
    '../_base_/schedules/cifar_transfer.py', '../_base_/classification_runtime.py'
]

# The authors' start of the last layer, made for 1000 classes, is too wide for few.
model = dict(
    data_preprocessor=dict(num_classes=10),
    head=dict(num_classes=10, init_cfg=dict(type='Normal', layer='Linear', std=0.01)))
