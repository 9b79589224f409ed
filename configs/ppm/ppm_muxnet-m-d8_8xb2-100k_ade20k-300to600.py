_base_ = [
    '../_base_/models/ppm_muxnet-m-d8.py',
    '../_base_/datasets/ade20k_300to600.py',
    '../_base_/schedules/segmentation_100k.py', '../_base_/segmentation_runtime.py'
]

model = dict(auxiliary_head=dict(dropout_ratio=0.1))  # as CSAIL's
env_cfg = dict(cudnn_benchmark=False)  # every batch has another size
