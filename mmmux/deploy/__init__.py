"""From a trained model to what runs fast: the exact inference form, export and runtimes."""
from .exact.form import exact_form

__all__ = ['exact_form']
