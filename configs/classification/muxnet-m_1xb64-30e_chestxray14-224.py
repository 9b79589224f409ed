# The paper: mean AUROC 0.841 with 2.1 M parameters, from ImageNet weights (model.backbone.init_cfg, see README.md).
_base_ = [
    '../_base_/models/classifier_muxnet-m.py', '../_base_/datasets/chestxray14_224.py', '../_base_/schedules/chestxray14.py'
]

model = dict(
    data_preprocessor=dict(num_classes=14),
    head=dict(
        _delete_=True,
        type='mmmux.MultiLabelLinearClsHead',
        num_classes=14,
        in_channels=1280,
        dropout=0.2,
        # The authors' start grows as classes get fewer: with 14, the first scores would be wild guesses.
        init_cfg=dict(type='Normal', layer='Linear', std=0.01),
        # Binary cross-entropy, added up over the findings and averaged over the pictures.
        loss=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0)))
