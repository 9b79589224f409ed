"""Layers and blocks of MUXNet."""
from .blocks import BlockOptions, DepthwiseSeparable, InvertedResidual, build_block
from .channel_mux import ChannelMux
from .dense_sampling import Sampling, atrous_samplings
from .mixed_conv import MixedConv
from .spatial_mux import SpatialMux, channel_to_space, space_to_channel
from .squeeze_excite import SqueezeExcite
from .sync_batch_norm import SyncBatchNorm

__all__ = [
    'BlockOptions', 'ChannelMux', 'DepthwiseSeparable', 'InvertedResidual', 'MixedConv', 'Sampling', 'SpatialMux',
    'SqueezeExcite', 'SyncBatchNorm', 'atrous_samplings', 'build_block', 'channel_to_space', 'space_to_channel'
]
