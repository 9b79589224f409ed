# The authors' recipe for transfer to CIFAR, as their release holds none for X-rays: SGD at 0.01 with momentum 0.9, weight decay
# 4e-5, a cosine and clipped gradients. The first epoch warms up, so that a new head does not upset weights from ImageNet.
_base_ = '../classification_runtime.py'

max_epochs = 30
train_cfg = dict(type='mmmux.EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=max_epochs - 1, by_epoch=True, begin=1, end=max_epochs, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=4e-5),
    clip_grad=dict(max_norm=5, norm_type=2))

# The last epoch need not be the best one: test the one that is, on the patients held out for validation.
default_hooks = dict(checkpoint=dict(save_best='auroc/mean', rule='greater'))
custom_hooks = [*_base_.custom_hooks, dict(type='mmmux.DisjointPatientsHook')]

auto_scale_lr = dict(enable=False, base_batch_size=64)
