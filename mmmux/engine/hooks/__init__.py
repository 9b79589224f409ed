"""Hooks that the OpenMMLab packages lack."""
from .channels_last_hook import ChannelsLastHook
from .checkpoint_hook import CheckpointHook
from .checkpoint_match_hook import CheckpointMatchHook
from .class_count_hook import ClassCountHook
from .cls_predictions_hook import ClsPredictionsHook
from .cuda_graph_hook import CudaGraphHook
from .detector_fit_hook import DetectorFitHook
from .disjoint_patients_hook import DisjointPatientsHook
from .finite_loss_hook import FiniteLossHook
from .progress_hook import ProgressHook
from .resumed_schedule_hook import ResumedScheduleHook
from .seg_predictions_hook import SegPredictionsHook
from .val_loss_hook import ValLossHook

__all__ = ['ChannelsLastHook', 'CheckpointHook', 'CheckpointMatchHook', 'ClassCountHook', 'ClsPredictionsHook', 'CudaGraphHook',
           'DetectorFitHook', 'DisjointPatientsHook', 'FiniteLossHook', 'ProgressHook', 'ResumedScheduleHook',
           'SegPredictionsHook', 'ValLossHook']
