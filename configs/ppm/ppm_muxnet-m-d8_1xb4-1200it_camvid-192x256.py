_base_ = [
    '../_base_/models/ppm_muxnet-m-d8.py',
    '../_base_/datasets/camvid.py',
    '../_base_/schedules/segmentation_camvid.py', '../_base_/segmentation_runtime.py'
]

model = dict(
    data_preprocessor=dict(size=(192, 256), size_divisor=None),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11))
