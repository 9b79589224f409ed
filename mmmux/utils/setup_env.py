"""Register all classes of this package, as the function of that name does in mmdet, mmseg and mmpretrain."""
import contextlib
from importlib import import_module


def register_all_modules(init_default_scope: bool = True) -> None:
    """Import every module that registers a class. Types written `mmmux.Name` need no such call.

    Classes whose package (mmdet, mmseg or mmpretrain) is missing or cannot be imported are left out.

    Args:
        init_default_scope (bool): Whether to make `mmmux` mmengine's default scope. Types of mmdet, mmseg and mmpretrain then
            need their scope, as in `mmdet.SingleStageDetector`. Default: True, as in those packages.
    """
    # By its name: modules of this folder import none of those above it, and mm's packages have this function in `utils`.
    registries = [value for value in vars(import_module('mmmux.registry')).values() if getattr(value, 'scope', '') == 'mmmux']
    for registry in registries:
        registry.import_from_location()
        for name in sorted(getattr(registry, 'names', ())):
            with contextlib.suppress(ImportError):
                registry.load(name)
    if init_default_scope:
        import_module('mmengine.registry').init_default_scope('mmmux')
