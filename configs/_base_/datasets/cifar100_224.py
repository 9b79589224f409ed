# CIFAR-100 enlarged to 224 x 224, as published: data/cifar100/cifar-100-python.
_base_ = './cifar10_224.py'

data = dict(dataset=dict(type='mmmux.CIFAR100', data_root='data/cifar100'))
train_dataloader = data
val_dataloader = data
test_dataloader = data
