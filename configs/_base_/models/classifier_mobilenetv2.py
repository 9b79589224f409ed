_base_ = './classifier.py'

model = dict(
    backbone=dict(type='MobileNetV2', widen_factor=1.0),
    head=dict(in_channels=1280))
