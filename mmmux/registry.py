"""The registries of scope `mmmux`, children of mmengine's.

A type written `mmmux.Name` makes mmengine import this module by itself, so configs need no `custom_imports`.
"""
from importlib import import_module

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry


class LazyRegistry(Registry):
    """Registry that imports the module of a class when the class is looked up.

    mmengine imports every module of a scope at the first lookup. Here that would import mmdet, mmseg and mmpretrain, whichever
    of them a config uses. The packages in `locations` define their names lazily (:mod:`mmmux.utils.lazy_names`), so the first
    use of a name imports its module, which registers the class.

    Args:
        name (str): Name of the registry.
        parent (Registry): Registry of mmengine.
        packages (str): Packages that define the registered names.
    """

    def __init__(self, name: str, parent: Registry, *packages: str):
        super().__init__(name, parent=parent, scope='mmmux', locations=list(packages))
        self._packages = packages

    def get(self, key: str) -> type | None:
        """Return the class of a name, as :meth:`mmengine.registry.Registry.get` does."""
        self.load(key.removeprefix(f'{self.scope}.'))
        return super().get(key)

    def load(self, name: str) -> None:
        """Register the class of a name, if one of the packages defines it."""
        for package in self._packages:
            module = import_module(package)
            if name in module.__all__:
                getattr(module, name)

    @property
    def names(self) -> set[str]:
        """Names that are registered, or will be when they are looked up."""
        return {*self.module_dict, *(name for package in self._packages for name in import_module(package).__all__)}


MODELS = LazyRegistry('model', MMENGINE_MODELS, 'mmmux.models', 'mmmux.models.data_preprocessors', 'mmmux.models.detectors',
                      'mmmux.models.heads')
DATASETS = LazyRegistry('dataset', MMENGINE_DATASETS, 'mmmux.datasets')
TRANSFORMS = LazyRegistry('transform', MMENGINE_TRANSFORMS, 'mmmux.datasets')
METRICS = LazyRegistry('metric', MMENGINE_METRICS, 'mmmux.evaluation')
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope='mmmux', locations=['mmmux.engine.hooks'])
LOOPS = Registry('loop', parent=MMENGINE_LOOPS, scope='mmmux', locations=['mmmux.engine.runner'])
