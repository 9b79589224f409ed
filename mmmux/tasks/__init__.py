"""Tasks (detection, segmentation, classification): one object for each, with everything that differs between them."""
from .base import Task
from .classification import Classification, MultiLabelClassification
from .detection import Detection
from .find import TASKS, find_task, known_layouts, task_of
from .segmentation import Segmentation

__all__ = ['TASKS', 'Classification', 'Detection', 'MultiLabelClassification', 'Segmentation', 'Task', 'find_task',
           'known_layouts', 'task_of']
