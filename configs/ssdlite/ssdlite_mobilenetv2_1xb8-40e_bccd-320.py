_base_ = [
    '../_base_/models/ssdlite_mobilenetv2.py', '../_base_/datasets/bccd_ssdlite.py', '../_base_/schedules/ssdlite_bccd.py',
    '../_base_/detection_runtime.py'
]

# A platelet is about 20 pixels wide, so a level at stride 8 comes first. tools/analysis_tools/fit_anchors.py proposed the
# sizes.
model = dict(
    backbone=dict(out_indices=(2, 4, 7)),
    neck=dict(
        in_channels=(32, 96, 1280),
        out_channels=(32, 96, 1280, 512, 256, 256),
        level_strides=(2, 2, 2),
        level_paddings=(1, 1, 1)),
    bbox_head=dict(
        num_classes=3,
        in_channels=(32, 96, 1280, 512, 256, 256),
        anchor_generator=dict(
            strides=[8, 16, 32, 64, 107, 160],
            min_sizes=[24, 63, 117, 186, 204, 214],
            max_sizes=[63, 117, 186, 204, 214, 225])))
