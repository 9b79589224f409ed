"""Layers and blocks of MUXNet."""
from .blocks import DepthwiseSeparable, InvertedResidual, build_block
from .channel_mux import ChannelMux
from .mixed_conv import MixedConv
from .spatial_mux import SpatialMux, channel_to_space, space_to_channel
from .squeeze_excite import SqueezeExcite
from .sync_batch_norm import SyncBatchNorm

__all__ = [
    'ChannelMux', 'DepthwiseSeparable', 'InvertedResidual', 'MixedConv', 'SpatialMux', 'SqueezeExcite', 'SyncBatchNorm',
    'build_block', 'channel_to_space', 'space_to_channel'
]
