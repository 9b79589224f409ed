# What detectors, segmentors and classifiers run with alike.
# A program that does not know this package imports it with the config. A config that sets imports of its own repeats 'mmmux'.
custom_imports = dict(imports=['mmmux'], allow_failed_imports=False)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
vis_backends = [dict(type='LocalVisBackend')]

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
