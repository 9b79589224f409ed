"""Read what labelling tools export, and write it as COCO annotation files.

The formats are COCO and YOLO text files as Roboflow, Label Studio, CVAT and Ultralytics lay them out. The package supervision
reads the files.
"""
from .convert import Conversion, convert

__all__ = ['Conversion', 'convert']
