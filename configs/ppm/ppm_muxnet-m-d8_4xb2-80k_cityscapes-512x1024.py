_base_ = [
    '../_base_/models/ppm_muxnet-m-d8.py', '../_base_/datasets/cityscapes_512x1024.py',
    '../_base_/schedules/segmentation_80k.py', '../_base_/segmentation_runtime.py'
]

model = dict(
    data_preprocessor=dict(size=(512, 1024), size_divisor=None),
    decode_head=dict(num_classes=19),
    auxiliary_head=dict(num_classes=19))
