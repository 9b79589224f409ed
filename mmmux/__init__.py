"""MUXNet as a backbone for OpenMMLab.

Importing this package registers :class:`mmmux.models.MUXNet` and makes mmengine load checkpoints without running code from
them (see :mod:`mmmux.checkpoints.safe_loading`). All that it changes in a process: docs/importing.md.
"""
from .utils.installed import check_installation, installed_versions, warn_of_two_families

check_installation()  # before what is imported below fails with a traceback of its own
from mmengine.config.utils import MODULE2PACKAGE  # noqa: E402

from . import models  # noqa: E402
from .checkpoints.mmengine_loaders import make_mmengine_load_safely  # noqa: E402
from .utils.deprecated import import_moved_modules  # noqa: E402
from .version import __version__  # noqa: E402

import_moved_modules()
warn_of_two_families()
make_mmengine_load_safely()
# mmengine inherits configs (`mmmux::ssdlite/...`) only from the packages in this table. The name is of no distribution, so that
# it looks in the module's own folder, also where the install is editable.
MODULE2PACKAGE.setdefault('mmmux', 'mmmux.registry')
if installed_versions('onedl-mmsegmentation') and MODULE2PACKAGE.get('mmseg') == 'mmsegmentation':
    MODULE2PACKAGE['mmseg'] = 'mmseg'  # onedl-mmengine looks for OpenMMLab's distribution

__all__ = ['__version__', 'models']
