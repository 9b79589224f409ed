# PPM: pyramid pooling (Zhao et al., Pyramid Scene Parsing Network, CVPR 2017) with C1's deep supervision. A leaf sets the
# backbone, its channels, and the number of classes.
_base_ = './c1.py'

norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    decode_head=dict(
        _delete_=True,
        type='PSPHead',
        in_index=-1,
        channels=512,
        pool_scales=(1, 2, 3, 6),
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.)))
