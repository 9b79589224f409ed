default_scope = 'mmseg'

custom_hooks = [
    dict(type='mmmux.ClassCountHook'),
    dict(type='mmmux.CheckpointMatchHook'),
    dict(type='mmmux.FiniteLossHook'),
]

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=False)

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)

tta_model = dict(type='SegTTAModel')
