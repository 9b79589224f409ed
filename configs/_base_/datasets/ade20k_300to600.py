# ADE20K as the paper's recipe (CSAIL's) trains on it: whole pictures, the shorter edge from 300 to 600, the longer at most
# 1000, padded to the largest of the batch; tested at 450, or with --tta at all of them.
_base_ = './ade20k_512x512.py'

short_edges = [300, 375, 450, 525, 600]
longest_edge = 1000
train_pipeline = [
    dict(type='mmmux.LoadImageOrSkip'),
    dict(type='mmmux.LoadLabelMapOrSkip'),
    dict(type='RandomChoiceResize', scales=short_edges, resize_type='ResizeShortestEdge', max_size=longest_edge),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeShortestEdge', scale=450, max_size=longest_edge),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='ResizeShortestEdge', scale=edge, max_size=longest_edge) for edge in short_edges],
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='LoadAnnotations')],
        [dict(type='PackSegInputs')],
    ]),
]

train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
