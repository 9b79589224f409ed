_base_ = [
    '../_base_/models/classifier_muxnet-l.py',
    '../_base_/datasets/imagenet_224.py',
    '../_base_/schedules/imagenet.py'
]

model = dict(head=dict(loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original')))
