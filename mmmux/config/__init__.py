"""Load configs, check them before a run, and report misspelt names."""
from .load import enable_tta, load_config, resume, scale_learning_rate, train_in_mixed_precision
from .preflight import check_checkpoint, check_data

__all__ = ['check_checkpoint', 'check_data', 'enable_tta', 'load_config', 'resume', 'scale_learning_rate',
           'train_in_mixed_precision']
