_base_ = [
    '../_base_/models/ssdlite_mobilenetv2.py', '../_base_/datasets/coco_ssdlite.py', '../_base_/schedules/ssdlite_coco.py',
    '../_base_/detection_runtime.py'
]

model = dict(bbox_head=dict(num_classes=80))
