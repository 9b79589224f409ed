_base_ = './ssdlite.py'

model = dict(
    backbone=dict(type='mmmux.MUXNet', arch='l', out_indices=(4, 7)),
    neck=dict(in_channels=(120, 1536), out_channels=(120, 1536, 512, 256, 256, 128)),
    bbox_head=dict(in_channels=(120, 1536, 512, 256, 256, 128)))
