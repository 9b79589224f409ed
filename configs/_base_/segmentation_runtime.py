_base_ = './runtime.py'

default_scope = 'mmseg'

custom_hooks = [
    dict(type='mmmux.ClassCountHook'),
    dict(type='mmmux.CheckpointMatchHook'),
    dict(type='mmmux.FiniteLossHook'),
]

visualizer = dict(type='SegLocalVisualizer', vis_backends={{_base_.vis_backends}}, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=False)

tta_model = dict(type='SegTTAModel')
