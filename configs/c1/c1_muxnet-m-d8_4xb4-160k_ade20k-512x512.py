_base_ = [
    '../_base_/models/c1_muxnet-m-d8.py',
    '../_base_/datasets/ade20k_512x512.py',
    '../_base_/schedules/segmentation_160k.py', '../_base_/segmentation_runtime.py'
]

model = dict(data_preprocessor=dict(size=(512, 512), size_divisor=None))
