# timm's published command for EfficientNet-B0, which MUXNet's authors trained with: two GPUs of 384 pictures, 450 epochs,
#   --opt rmsproptf --opt-eps .001 --lr .048 --weight-decay 1e-5 --warmup-lr 1e-6 --sched step --decay-epochs 2.4
#   --decay-rate .97 --drop 0.2 --drop-path 0.2 --model-ema --model-ema-decay 0.9999 --amp
# and its default label smoothing of 0.1. Dropout and label smoothing are the model's, stochastic depth is the architecture's
# (0.1 for MUXNet-m, 0.15 for -l, none in MUX blocks; mmpretrain's MobileNetV2 has none), augmentation is the data set's, and
# mixed precision is the option --amp of tools/train.py.
_base_ = '../classification_runtime.py'

max_epochs = 450
warmup_epochs = 5  # timm's default is 3 or 5, by its version
train_cfg = dict(type='mmmux.EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

lr = 0.048
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6 / lr, begin=0, end=warmup_epochs, by_epoch=True, convert_to_iter_based=True),
    # A cosine, which fits any number of epochs, instead of 3 % less every 2.4 epochs; to have timm's,
    # dict(type='ExponentialLR', gamma=0.97**(1 / 2.4), begin=warmup_epochs, end=max_epochs, by_epoch=True).
    dict(type='CosineAnnealingLR', begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    # timm's rmsproptf divides by sqrt(mean square + 0.001), torch's by sqrt(mean square) + eps: the same for small gradients
    # with the root of 0.001. timm's mean square starts at 1, torch's at 0, so that torch's first steps are larger, which the
    # warm-up covers; timm also puts the learning rate into the momentum, which differs only where the rate changes.
    optimizer=dict(type='RMSprop', lr=lr, alpha=0.9, momentum=0.9, eps=0.001**0.5, weight_decay=1e-5),
    paramwise_cfg=dict(norm_decay_mult=0., bias_decay_mult=0.))  # as timm does without being asked

# mmengine's: mmpretrain's own EMAHook cannot load weights that fit in part. Statistics of norms are averaged, as timm does.
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='mmengine.EMAHook', momentum=1e-4, update_buffers=True),
]

auto_scale_lr = dict(enable=False, base_batch_size=768)
