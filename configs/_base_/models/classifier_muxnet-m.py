_base_ = './classifier.py'

model = dict(
    backbone=dict(type='mmmux.MUXNet', arch='m', out_indices=(7, )),
    head=dict(in_channels=1280))
