"""The metrics of a task, for pages and tables."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Results:
    """The metrics of a task, and how pages and tables show them.

    Attributes:
        metric: the one that counts, as the evaluator calls it.
        columns: heading and metric of each column of the first table.
        by_class: what the names of metrics by class begin with; '' where there are none.
        class_heading: heading of the column of classes.
        digits: after the point.
        explained: a sentence on the metrics and their units.
        metafile_task, metafile_metric: the names of the task and the metric in OpenMMLab's metafiles.
    """
    metric: str
    columns: dict[str, str]
    by_class: str = ''
    class_heading: str = ''
    digits: int = 2
    explained: str = ''
    metafile_task: str = ''
    metafile_metric: str = ''
