"""Train, test and predict from Python.

A name is imported when it is first used: the data sets behind it import mmdet and mmsegmentation, which takes seconds.
"""
from importlib import import_module

_MODULES = {'Inferencer': 'inferencer', 'build_runner': 'runs', 'test': 'runs', 'train': 'runs'}

__all__ = ['Inferencer', 'build_runner', 'test', 'train']


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'.{_MODULES[name]}', __name__), name)
