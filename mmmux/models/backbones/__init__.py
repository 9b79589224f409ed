from .architectures import ARCHITECTURES, DS, IR, MUX, Architecture, get_architecture
from .muxnet import MUXNet

__all__ = ['ARCHITECTURES', 'DS', 'IR', 'MUX', 'Architecture', 'MUXNet', 'get_architecture']
