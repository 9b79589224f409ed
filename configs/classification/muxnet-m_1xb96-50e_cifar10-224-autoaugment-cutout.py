# With both augmentations of the authors' options.
_base_ = './muxnet-m_1xb96-50e_cifar10-224.py'

train_pipeline = [
    dict(type='RandomCrop', crop_size=32, padding=4),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmmux.CIFARAutoAugment'),
    dict(type='Resize', scale=(224, 224), backend='pillow', interpolation='bicubic'),
    dict(type='Cutout', shape=112, pad_val=(104, 116, 124), prob=1.),  # 16 of CIFAR's 32 pixels, the mean colour, BGR
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
