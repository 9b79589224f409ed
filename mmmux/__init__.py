"""MUXNet as a backbone for OpenMMLab.

Importing this package registers :class:`mmmux.models.MUXNet` and makes mmengine load checkpoints without running code from
them (see :mod:`mmmux.checkpoints.safe_loading`).
"""
from . import models
from .checkpoints.safe_loading import make_mmengine_load_safely
from .version import __version__

make_mmengine_load_safely()

__all__ = ['__version__', 'models']
