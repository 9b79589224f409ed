_base_ = './ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'

size = (300, 300)
train_pipeline = _base_.train_pipeline
train_pipeline[4].scale = size
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = size
tta_pipeline = _base_.tta_pipeline
tta_pipeline[1].transforms[0][0].scale = size

voc2007, voc2012 = _base_.train_dataloader.dataset.datasets
voc2007.pipeline = voc2012.pipeline = train_pipeline
train_dataloader = dict(dataset=dict(datasets=[voc2007, voc2012]))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    bbox_head=dict(
        anchor_generator=dict(
            strides=[16, 30, 60, 100, 150, 300],
            min_sizes=[45, 94, 141, 189, 237, 285],
            max_sizes=[94, 141, 189, 237, 285, 300])))
