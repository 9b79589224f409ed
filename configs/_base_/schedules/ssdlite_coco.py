# 120 epochs of five rounds each: 600 rounds, as mmdet trains its SSDLite.
_base_ = './ssdlite.py'

max_epochs = 120
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', begin=0, T_max=max_epochs, end=max_epochs, by_epoch=True, eta_min=0),
]
optim_wrapper = dict(optimizer=dict(lr=0.015, weight_decay=4e-5))
auto_scale_lr = dict(base_batch_size=192)
