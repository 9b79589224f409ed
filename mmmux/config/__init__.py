"""Load configs, check them before a run, and report misspelt names."""
from .load import enable_tta, load_config, resume, scale_learning_rate, train_in_mixed_precision
from .preflight import check_checkpoint, check_data
from .vis_backends import add_vis_backends

__all__ = ['add_vis_backends', 'check_checkpoint', 'check_data', 'enable_tta', 'load_config', 'resume',
           'scale_learning_rate', 'train_in_mixed_precision']
