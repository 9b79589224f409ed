"""The registries of scope `mmmux`, children of mmengine's.

A type written `mmmux.Name` makes mmengine import this module by itself, so a config with such types needs no `custom_imports`.
The configs of this package have them anyway, because inferencers read a checkpoint before they build the first type.
"""
from importlib import import_module

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

from mmmux.utils.errors import InstallationError
from mmmux.utils.installed import cannot_be_imported


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
        """Register the class of a name, if one of the packages defines it.

        Raises:
            InstallationError: mmdet, mmseg or mmpretrain, whichever the class needs, cannot be imported.
        """
        for package in self._packages:
            module = import_module(package)
            if name in module.__all__:
                try:
                    getattr(module, name)
                except InstallationError:
                    raise
                except ImportError as error:
                    raise cannot_be_imported(f'{self.scope}.{name}', error) from error

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
OPTIM_WRAPPERS = Registry('optimizer wrapper', parent=MMENGINE_OPTIM_WRAPPERS, scope='mmmux',
                          locations=['mmmux.engine.optimizers'])
