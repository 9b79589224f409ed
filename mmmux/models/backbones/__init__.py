"""Backbones: MUXNet and the adaptation of backbones to small images."""
from .muxnet import MUXNet
from .small_pictures import without_early_strides

__all__ = ['MUXNet', 'without_early_strides']
