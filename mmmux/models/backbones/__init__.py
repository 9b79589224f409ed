"""Backbones: MUXNet and the adaptation of backbones to small images."""
from mmmux.models.architectures import ARCHITECTURES, DS, IR, MUX, Architecture, get_architecture

from .muxnet import MUXNet
from .small_pictures import without_early_strides

__all__ = ['ARCHITECTURES', 'DS', 'IR', 'MUX', 'Architecture', 'MUXNet', 'get_architecture', 'without_early_strides']
