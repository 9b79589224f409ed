"""The registries of scope `mmmux`, children of mmengine's.

A type written `mmmux.Name` makes mmengine import this module by itself, so configs need no `custom_imports`.
"""
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

MODELS = Registry('model', parent=MMENGINE_MODELS, scope='mmmux', locations=['mmmux.models', 'mmmux.models.heads'])
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, scope='mmmux', locations=['mmmux.datasets'])
TRANSFORMS = Registry('transform', parent=MMENGINE_TRANSFORMS, scope='mmmux', locations=['mmmux.datasets'])
METRICS = Registry('metric', parent=MMENGINE_METRICS, scope='mmmux', locations=['mmmux.evaluation'])
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope='mmmux', locations=['mmmux.engine.hooks'])
LOOPS = Registry('loop', parent=MMENGINE_LOOPS, scope='mmmux', locations=['mmmux.engine.runner'])
