"""Processes that begin with everything imported, and none of the threads that a process full of tests has.

Forked from the tests themselves, a process may wait for ever for a thread that only its parent has.
"""
import multiprocessing
import os

# One thread, as the programs that they are compared with have: sums of another number of threads round otherwise. Before torch
# is imported there, whichever test is the first to start one.
for _name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_name, '1')
_PARTS = ('apis', 'datasets', 'datasets.transforms', 'engine', 'evaluation', 'models', 'visualization')

FORKED = multiprocessing.get_context('forkserver')
# Imported once, by the process that is forked every time: a start costs a second, and not ten.
FORKED.set_forkserver_preload([
    *(f'{package}.{part}' for package in ('mmdet', 'mmseg', 'mmpretrain') for part in _PARTS),
    *(f'mmmux.datasets.{part}' for part in ('coco', 'voc', 'segmentation', 'label_maps', 'classification', 'chest_xray14')),
    'mmmux.engine.hooks', 'mmmux.engine.runner', 'mmmux.evaluation.auroc', 'mmmux.evaluation.iou_metric',
    'mmmux.evaluation.voc_metric', 'mmmux.models.heads.linear_head', 'mmmux.models.heads.ssd_head', 'mmmux.search.search',
    'mmmux.search.report', 'mmmux.search.picked_config', 'data_parallel', 'interruption_points', 'tiny_training'
])
