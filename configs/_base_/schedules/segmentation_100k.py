# CSAIL's recipe for ADE20K, which the paper used: 20 epochs of 5000 iterations of 8 x 2 pictures.
_base_ = './segmentation_160k.py'

max_iters = 100000
train_cfg = dict(max_iters=max_iters, val_interval=5000)
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=max_iters, by_epoch=False)]
optim_wrapper = dict(
    optimizer=dict(lr=0.02, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0., bias_decay_mult=0.))
default_hooks = dict(checkpoint=dict(interval=5000))
