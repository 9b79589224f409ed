# The baseline: mmseg's MobileNetV2, dilated as in mmseg's own configs.
_base_ = './ppm.py'

model = dict(
    backbone=dict(
        type='MobileNetV2',
        strides=(1, 2, 2, 1, 1, 1, 1),
        dilations=(1, 1, 1, 2, 2, 4, 4),
        out_indices=(4, 6),
        norm_cfg=dict(type='SyncBN')),
    decode_head=dict(in_channels=320),
    auxiliary_head=dict(in_channels=96, channels=80))
