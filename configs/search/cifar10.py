# A classifier of 32 x 32 pictures, on a tenth of CIFAR-10.
_base_ = ['../classification/muxnet-m_1xb128-25e_cifar10-folders-32.py', '../_base_/search_space.py']

# Trained for one epoch, a network must not spend it on forgetting a wide start of its last layer.
model = dict(head=dict(init_cfg=dict(type='Normal', layer='Linear', std=0.01)))

search = dict(
    network='model.backbone.backbone',
    channels={'model.head.in_channels': 7},
    size=(32, 32),
    metric='accuracy/top1',
    best=100,
    budgets=dict(params=1.2e6, macs=10e6),
    starts=('s', ),
    evaluations=32,
    initial=12,
    batch=4,
    schedule={
        'train_dataloader.batch_size': 64,
        'optim_wrapper.optimizer.lr': 0.05,
        'train_cfg.max_epochs': 1,
        'param_scheduler.0.end': 30,
        'param_scheduler.1.T_max': 1,
        'param_scheduler.1.end': 1,
    },
    time_limit=1800,
    executor=dict(type='local', workers=2))
