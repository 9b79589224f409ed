"""Tasks (detection, segmentation, classification): one object for each, with everything that differs between them."""
from .base import TASKS, Task, find_task, known_layouts, task_of
from .classification import Classification, MultiLabelClassification
from .detection import Detection
from .segmentation import Segmentation

__all__ = ['TASKS', 'Classification', 'Detection', 'MultiLabelClassification', 'Segmentation', 'Task', 'find_task',
           'known_layouts', 'task_of']
