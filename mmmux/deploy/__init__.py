"""Export a trained model to a runtime's file format, and convert it to the exact inference form."""
from .exact.form import exact_form

__all__ = ['exact_form']
