"""Let the configs of every program inherit from `mmmux::...`, by one module that Python imports when it starts.

`python -m mmmux startup-hook --write` copies this file into an environment, and `--remove` deletes it there. It imports only
Python's standard library, and does nothing until mmengine is imported.
"""
import sys
from importlib.machinery import ModuleSpec, PathFinder

# Seen in mmengine 0.10.7 and onedl-mmengine 0.10.12: its class Config, whose static method _get_cfg_path returns the file of a
# base config and the scope of its package.
_MODULE = 'mmengine.config.config'


class ConfigFinder:
    """Import mmengine's configs, and tell them of mmmux."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> ModuleSpec | None:
        """Find mmengine's module as Python does; None for all other modules."""
        spec = PathFinder.find_spec(name, path, target) if name == _MODULE else None
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_tell(module):
                execute(module)
                _tell(module)

            spec.loader.exec_module = execute_and_tell
        return spec


def _tell(module) -> None:
    sys.modules['mmengine.config.utils'].MODULE2PACKAGE.setdefault('mmmux', 'mmmux.registry')
    find = module.Config._get_cfg_path

    def without_our_scope(cfg_path: str, filename: str) -> tuple:
        # In our scope, mmengine would look up mmdet's types among mmmux's. Our configs say the scope of their types themselves.
        path, scope = find(cfg_path, filename)
        return path, None if scope == 'mmmux' else scope

    module.Config._get_cfg_path = staticmethod(without_our_scope)


def start() -> None:
    """Have Python ask :class:`ConfigFinder` first from now on."""
    sys.meta_path.insert(0, ConfigFinder)
