_base_ = './runtime.py'

default_scope = 'mmpretrain'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='mmmux.CheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='VisualizationHook', enable=False))

custom_hooks = [
    dict(type='mmmux.ClassCountHook'),
    dict(type='mmmux.CheckpointMatchHook'),
    dict(type='mmmux.FiniteLossHook'),
]

visualizer = dict(type='UniversalVisualizer', vis_backends={{_base_.vis_backends}}, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)

tta_model = dict(type='AverageClsScoreTTA')
