# A classifier of 32 x 32 pictures: the network's first stride is removed. A leaf sets the backbone and its channels.
_base_ = './classifier.py'

model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(type='mmmux.WithoutEarlyStrides', removed=1),
    head=dict(num_classes=10, topk=(1, )))
