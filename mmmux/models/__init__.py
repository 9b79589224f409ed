"""Models: MUXNet backbones, heads and layers, architecture tables, and conversion of the authors' release."""
from .architectures import ARCHITECTURES, DS, IR, MUX, Architecture, get_architecture
from .backbones import MUXNet

__all__ = ['ARCHITECTURES', 'DS', 'IR', 'MUX', 'Architecture', 'MUXNet', 'get_architecture']
