from .checkpoint_match_hook import CheckpointMatchHook
from .class_count_hook import ClassCountHook
from .progress_hook import ProgressHook
from .seg_predictions_hook import SegPredictionsHook

__all__ = ['CheckpointMatchHook', 'ClassCountHook', 'ProgressHook', 'SegPredictionsHook']
