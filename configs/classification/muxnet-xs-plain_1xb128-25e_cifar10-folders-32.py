# MUXNet-xs without spatial multiplexing: what that saves is not there to be spent on width, so that both cost the same.
_base_ = './muxnet-xs_1xb128-25e_cifar10-folders-32.py'

arch = dict(
    stem_channels=16,
    head_channels=1152,
    stages=[
        [dict(type='DS', out_channels=16, act='ReLU')],
        [dict(type='IR', out_channels=16, stride=2, expand_ratio=2, act='ReLU'), dict(type='MUX', expand_ratio=2, act='ReLU')],
        [dict(type='IR', out_channels=24, kernel_size=[3, 5, 7], stride=2, expand_ratio=3), dict(type='MUX', expand_ratio=4)],
        [dict(type='IR', out_channels=48, kernel_size=[3, 5, 7, 9], stride=2, expand_ratio=4)] +
        2 * [dict(type='MUX', kernel_size=5, expand_ratio=4)],
        [dict(type='IR', out_channels=64, kernel_size=5, expand_ratio=4)] +
        2 * [dict(type='MUX', kernel_size=5, expand_ratio=4)],
        [dict(type='IR', out_channels=88, kernel_size=[3, 5, 7, 9, 11], stride=2, expand_ratio=4)] +
        3 * [dict(type='MUX', kernel_size=5, expand_ratio=6)],
        [dict(type='IR', out_channels=112, expand_ratio=4)],
    ])

model = dict(backbone=dict(backbone=dict(_delete_=True, type='mmmux.MUXNet', arch=arch, out_indices=(7, ))))
