# Loaders and pipelines of a data set of one's own; a leaf sets the data sets.
_base_ = './ssdlite_pipelines_320.py'

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # the last level is 1 x 1, where batch normalisation cannot do with one picture
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=None)
val_dataloader = dict(
    batch_size=8, num_workers=2, persistent_workers=True, drop_last=False, sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
