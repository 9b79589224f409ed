"""Read every image and annotation of a data set as training does, and report all defects at once."""
from .reading import check

__all__ = ['check']
