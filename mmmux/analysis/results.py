"""Describe the metrics of a task: each task of :mod:`mmmux.tasks` has one description, which pages and tables read."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Results:
    """The metrics of a task and their presentation.

    Attributes:
        metric: name of the main metric in the evaluator's results.
        columns: for each column of the results table, its heading and the name of its metric.
        by_class: prefix of the names of the per-class metrics; '' if there are none.
        class_heading: heading of the column of class names.
        digits: number of digits after the decimal point.
        explained: a sentence that explains the metrics.
        metafile_task: name of the task in OpenMMLab's metafiles.
        metafile_metric: name of the main metric in OpenMMLab's metafiles.
    """
    metric: str
    columns: dict[str, str]
    by_class: str = ''
    class_heading: str = ''
    digits: int = 2
    explained: str = ''
    metafile_task: str = ''
    metafile_metric: str = ''
