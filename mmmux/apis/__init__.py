"""Train, test and predict from Python.

A name is imported when it is first used: the data sets behind it import mmdet and mmsegmentation, which takes seconds.
"""
from mmmux.utils.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, {
    'demo': ['DemoOptions', 'run_demo'], 'inferencer': ['Inferencer'], 'unlabelled': ['predict_only'],
    'runs': ['build_runner', 'test', 'train']})
