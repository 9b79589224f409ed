"""Define names of a package whose modules are imported when a name is first used."""
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules: Mapping[str, Sequence[str]]) -> tuple[Callable, Callable, list[str]]:
    """Make the `__getattr__` and `__dir__` (PEP 562) and the `__all__` of a package.

    Args:
        package (str): Name of the package, its `__name__`.
        modules (Mapping[str, Sequence[str]]): Names that each module of the package defines.

    Returns:
        tuple: `__getattr__`, `__dir__` and `__all__`.
    """
    module_of = {name: f'{package}.{module}' for module, names in modules.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        return getattr(import_module(module_of[name]), name)

    names = sorted(module_of)
    return __getattr__, lambda: names, names
