"""MUXNet as a backbone for OpenMMLab.

Importing this package registers :class:`mmmux.models.MUXNet` and makes mmengine load checkpoints without running code from
them (see :mod:`mmmux.checkpoints.safe_loading`). docs/importing.md lists every change that the import makes in a process.
"""
from .utils.installed import check_installation, warn_of_two_families

check_installation()  # before the imports below end in a traceback of another package
from . import models  # noqa: E402
from .checkpoints.mmengine_loaders import make_mmengine_load_safely  # noqa: E402
from .utils.deprecated import import_moved_modules  # noqa: E402
from .utils.inherited_configs import let_configs_be_inherited  # noqa: E402
from .version import __version__  # noqa: E402

import_moved_modules()
warn_of_two_families()
make_mmengine_load_safely()
let_configs_be_inherited()

__all__ = ['__version__', 'models']
