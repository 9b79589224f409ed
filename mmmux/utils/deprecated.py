"""Keep old module names and old tool paths working for one release, each with a warning that names the new one."""
import runpy
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import NamedTuple


class Moved(NamedTuple):
    """The new place of a module.

    Attributes:
        module: new name of the module.
        renamed: new names of functions and classes in the module, by their old names; all others kept their names.
    """
    module: str
    renamed: Mapping[str, str] = MappingProxyType({})


# The modules that a document, config or demo named before they moved.
MOVED_MODULES = {
    'mmmux.checkpoints.seal': Moved('mmmux.checkpoints.checksum'),
    'mmmux.deploy.exact_form': Moved('mmmux.deploy.exact.form'),
    'mmmux.deploy.fastest_forms': Moved('mmmux.deploy.tune'),
    'mmmux.engine.cli': Moved('mmmux.utils.cli'),
    'mmmux.engine.predict': Moved('mmmux.apis.inferencer', {'Painter': 'Inferencer'}),
    'mmmux.engine.run': Moved('mmmux.apis.runs'),
    'mmmux.engine.settings': Moved('mmmux.config.load', {'test_with_augmentation': 'enable_tta'}),
    'mmmux.errors': Moved('mmmux.utils.errors'),
    'mmmux.models.backbones.architectures': Moved('mmmux.models.architectures'),
}


class _OldModule(ModuleType):
    """A module under its old name. It can be called like a function of that name, which it hides in its package.

    The import system replaces an attribute of the package that has the name of the module, such as the function
    `mmmux.deploy.exact_form`.
    """

    def __call__(self, *args, **kwargs):
        return vars(self)[self.__name__.rpartition('.')[2]](*args, **kwargs)


class _OldModules(MetaPathFinder, Loader):
    """Import the modules that `MOVED_MODULES` names; Python uses this finder only for modules that have no file."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED_MODULES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new, renamed = MOVED_MODULES[spec.name]
        module = _OldModule(spec.name)
        found = {name: value for name, value in vars(import_module(new)).items() if not name.startswith('__')}
        vars(module).update(found, **{old: found[name] for old, name in renamed.items()})
        names = f' ({", ".join(f"{old} is now {name}" for old, name in renamed.items())})' if renamed else ''
        # Python skips the frames of the import system, so stacklevel 2 is the line that imports.
        warnings.warn(f'{spec.name} is now {new}{names}: the next release removes the old name', DeprecationWarning,
                      stacklevel=2)
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass  # create_module has filled it


def import_moved_modules() -> None:
    """Let `import` find the modules of this package by their old names, too."""
    if not any(isinstance(finder, _OldModules) for finder in sys.meta_path):
        sys.meta_path.append(_OldModules())


def run_moved_tool(old: str, folder: str) -> None:
    """Run a tool whose file has moved, with the arguments of this process.

    Args:
        old: the file of that name at its old path.
        folder: new folder of the tool, below that of the old file.
    """
    path = Path(old).resolve()  # `old` may be a link
    new = path.parent / folder / path.name
    print(f'DeprecationWarning: {old} is now {new}: the next release removes the old path', file=sys.stderr)
    runpy.run_path(str(new), run_name='__main__')
