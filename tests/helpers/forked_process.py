"""Start processes that have all packages imported already, by forking a server process that has no threads.

A process that is forked from the test process itself can wait forever for a thread that exists only in its parent.
"""
import multiprocessing
import os

# One thread, as in the programs whose results are compared: sums round differently with another number of threads. The
# variables must be set before the server imports torch.
for _name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_name, '1')
_PARTS = ('apis', 'datasets', 'datasets.transforms', 'engine', 'evaluation', 'models', 'visualization')

FORKED = multiprocessing.get_context('forkserver')
# The server imports these once, so that a process starts in one second instead of ten.
FORKED.set_forkserver_preload([
    *(f'{package}.{part}' for package in ('mmdet', 'mmseg', 'mmpretrain') for part in _PARTS),
    *(f'mmmux.datasets.{part}' for part in ('coco', 'voc', 'segmentation', 'label_maps', 'classification', 'chest_xray14')),
    'mmmux.engine.hooks', 'mmmux.engine.runner', 'mmmux.evaluation.auroc', 'mmmux.evaluation.iou_metric',
    'mmmux.evaluation.voc_metric', 'mmmux.models.heads.linear_head', 'mmmux.models.heads.ssd_head', 'mmmux.search.search',
    'mmmux.search.report', 'mmmux.search.picked_config', 'data_parallel', 'interruption_points', 'tiny_training'
])
