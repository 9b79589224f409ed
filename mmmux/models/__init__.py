"""Models: MUXNet backbones, heads and layers, architecture tables, and conversion of the authors' release."""
from .backbones import ARCHITECTURES, DS, IR, MUX, Architecture, MUXNet, get_architecture

__all__ = ['ARCHITECTURES', 'DS', 'IR', 'MUX', 'Architecture', 'MUXNet', 'get_architecture']
