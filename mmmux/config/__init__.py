"""Load configs, check them before a run, and report misspelt names."""
from .load import (
    enable_tta,
    inner_datasets,
    innermost_dataset,
    load_config,
    resume,
    scale_learning_rate,
    train_in_mixed_precision,
)
from .preflight import check_checkpoint, check_data
from .suggestions import check_names, check_option, explained
from .vis_backends import BACKENDS, add_vis_backends, check_vis_backends

__all__ = ['BACKENDS', 'add_vis_backends', 'check_checkpoint', 'check_data', 'check_names', 'check_option',
           'check_vis_backends', 'enable_tta', 'explained', 'inner_datasets', 'innermost_dataset', 'load_config', 'resume',
           'scale_learning_rate', 'train_in_mixed_precision']
