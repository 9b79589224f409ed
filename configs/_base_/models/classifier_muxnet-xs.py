_base_ = './classifier.py'

model = dict(
    backbone=dict(type='mmmux.MUXNet', arch='xs', out_indices=(7, )),
    head=dict(in_channels=1152))
