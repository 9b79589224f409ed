from .checkpoint_match_hook import CheckpointMatchHook
from .progress_hook import ProgressHook

__all__ = ['CheckpointMatchHook', 'ProgressHook']
