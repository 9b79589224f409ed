_base_ = [
    '../_base_/models/cifar_classifier.py', '../_base_/datasets/cifar10_folders_32.py',
    '../_base_/schedules/cifar_scratch.py', '../_base_/cifar_runtime.py'
]

model = dict(backbone=dict(backbone=dict(type='MobileNetV3', arch='large')), head=dict(in_channels=960))
