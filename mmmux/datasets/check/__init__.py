"""Reading a whole data set as training would, and telling everything that is wrong with it at once."""
from .check import check

__all__ = ['check']
