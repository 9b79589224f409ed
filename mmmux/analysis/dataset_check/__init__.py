"""Reading a whole data set as training would, and telling everything that is wrong with it at once."""
from .reading import check

__all__ = ['check']
