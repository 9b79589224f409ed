_base_ = './ssdlite.py'

model = dict(
    backbone=dict(type='mmmux.MUXNet', arch='m', out_indices=(4, 7)),
    neck=dict(in_channels=(112, 1280), out_channels=(112, 1280, 512, 256, 256, 128)),
    bbox_head=dict(in_channels=(112, 1280, 512, 256, 256, 128)))
