_base_ = [
    '../_base_/models/c1_muxnet-l-d8.py',
    '../_base_/datasets/ade20k_300to600.py',
    '../_base_/schedules/segmentation_100k.py', '../_base_/segmentation_runtime.py'
]

env_cfg = dict(cudnn_benchmark=False)  # every batch has another size
