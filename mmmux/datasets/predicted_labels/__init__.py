"""Write predictions in the formats that labelling tools import, one module for each format."""
from .coco import CocoFiles
from .label_maps import LabelMapFiles
from .table import ScoreTable
from .voc import VOCFiles
from .writer import LabelWriter, Objects
from .yolo import YOLOFiles

__all__ = ['CocoFiles', 'LabelMapFiles', 'LabelWriter', 'Objects', 'ScoreTable', 'VOCFiles', 'YOLOFiles']
