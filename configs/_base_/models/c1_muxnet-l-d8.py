_base_ = './c1.py'

model = dict(
    backbone=dict(type='mmmux.MUXNet', arch='l', out_indices=(4, 6), output_stride=8, norm_cfg=dict(type='SyncBN')),
    decode_head=dict(in_channels=200, channels=50),
    auxiliary_head=dict(in_channels=120, channels=50))
