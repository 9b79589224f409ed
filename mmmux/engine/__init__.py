from .checkpoint_match_hook import CheckpointMatchHook
from .class_count_hook import ClassCountHook
from .progress_hook import ProgressHook

__all__ = ['CheckpointMatchHook', 'ClassCountHook', 'ProgressHook']
