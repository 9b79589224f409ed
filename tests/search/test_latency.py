import os
from functools import partial

import pytest
from torch import nn

from mmmux.models import ARCHITECTURES
from mmmux.search.latency import LatencySettings, backbone_network, measured_apart, relative_latency
from mmmux.utils.errors import ConfigError

SETTINGS = LatencySettings('torchscript')


class Convolution(nn.Conv2d):
    """A network of so many channels."""

    outputs = ('features', )

    def __init__(self, channels: int):
        super().__init__(3, channels, 1)
        self.eval().requires_grad_(False)

    def forward(self, x):
        return (super().forward(x), )


def network(name):
    return partial(backbone_network, ARCHITECTURES[name])


@pytest.mark.parametrize('runtime', ['torchscript', 'onnx', pytest.param('openvino', marks=pytest.mark.slow)])
def test_median_of_each_rounds_ratio(runtime, monkeypatch):
    """Both networks are what runs, each under its own name; the clock's readings are given."""
    for package in dict(onnx=['onnx', 'onnxruntime'], openvino=['openvino', 'onnx']).get(runtime, []):
        pytest.importorskip(package)

    def timed(steps, rounds):
        shapes = {name: [output.shape for output in step()] for name, step in steps.items()}
        assert shapes == dict(network=[(1, 5, 8, 8)], reference=[(1, 7, 8, 8)]) and rounds == 3
        return dict(network=[2., 9., 4.], reference=[1., 3., 4.])

    monkeypatch.setattr('mmmux.search.latency.timed', timed)
    assert relative_latency(partial(Convolution, 5), partial(Convolution, 7), (8, 8), LatencySettings(runtime, rounds=3)) == 2


@pytest.mark.nightly
def test_apart_what_goes_wrong_is_told():
    """In the other process: an error, the user's mistake, the end of the process, and a build that never ends."""
    xs = network('xs')
    with pytest.raises(RuntimeError, match='measuring latency failed: TypeError: int'):
        measured_apart(partial(int, None), xs, (64, 64), SETTINGS)
    with pytest.raises(ConfigError, match="format 'abacus' is not known"):
        measured_apart(xs, xs, (64, 64), LatencySettings('abacus'))
    with pytest.raises(RuntimeError, match='measuring latency ended with status 3'):
        measured_apart(partial(os._exit, 3), xs, (64, 64), SETTINGS)
    with pytest.raises(RuntimeError, match=r'measuring latency took more than 0\.5 s'):
        measured_apart(xs, xs, (64, 64), SETTINGS, 0.5)


@pytest.mark.slow
def test_apart_it_measures():
    assert 0 < measured_apart(network('xs'), network('xs'), (64, 64), SETTINGS) < float('inf')


@pytest.mark.parametrize('config,words', [
    (dict(threads=2), r"search\.latency needs 'runtime'"),
    (dict(runtime='abacus'), "format 'abacus' is not known: choose from onnx, openvino, torchscript"),
    (dict(runtime='torchscript', round=3), r"search\.latency has no key 'round': did you mean 'rounds'"),
    (dict(runtime='torchscript', reference='xxl'), "arch 'xxl' of MUXNet is not known"),
    (dict(runtime='torchscript', threads=0), r'search\.latency\.threads must be a whole number from 1 up, got 0'),
    (dict(runtime='torchscript', rounds='many'), r"search\.latency\.rounds must be a whole number from 1 up, got 'many'"),
])
def test_settings_that_cannot_be_used(config, words):
    with pytest.raises(ConfigError, match=words):
        LatencySettings.read(config)
