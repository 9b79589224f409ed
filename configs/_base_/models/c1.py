# C1: one 3 x 3 convolution to a quarter of the channels, then the classifier; deep supervision on the stage before the last
# resolution. A leaf sets the backbone, its channels, and the number of classes.
norm_cfg = dict(type='SyncBN', requires_grad=True)
loss = dict(type='CrossEntropyLoss', avg_non_ignore=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=8),
    decode_head=dict(
        type='FCNHead',
        in_index=-1,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(**loss, loss_weight=1.)),
    auxiliary_head=dict(
        type='FCNHead',
        in_index=-2,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(**loss, loss_weight=0.4)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
