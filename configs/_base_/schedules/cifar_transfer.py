# The authors' transfer from ImageNet weights.
max_epochs = 50
train_cfg = dict(type='mmmux.EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = [
    dict(type='CosineAnnealingLR', begin=0, T_max=max_epochs, end=max_epochs, by_epoch=True, convert_to_iter_based=True),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=4e-5),
    clip_grad=dict(max_norm=5, norm_type=2))

auto_scale_lr = dict(enable=False, base_batch_size=96)
