import os
from functools import partial

import pytest
from facts import raises
from torch import nn

from mmmux.models import ARCHITECTURES
from mmmux.search.latency import LatencySettings, backbone_network, measured_apart, relative_latency
from mmmux.utils.errors import ConfigError

SETTINGS = LatencySettings('torchscript')


class Convolution(nn.Conv2d):
    """A network of one convolution.

    Args:
        channels: output channels.
    """

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
    """Both networks run, each under its own name; the times are given."""
    for package in dict(onnx=['onnx', 'onnxruntime'], openvino=['openvino', 'onnx']).get(runtime, []):
        pytest.importorskip(package)

    def timed(steps, rounds):
        shapes = {name: [output.shape for output in step()] for name, step in steps.items()}
        assert shapes == dict(network=[(1, 5, 8, 8)], reference=[(1, 7, 8, 8)]) and rounds == 3
        return dict(network=[2., 9., 4.], reference=[1., 3., 4.])

    monkeypatch.setattr('mmmux.search.latency.timed', timed)
    assert relative_latency(partial(Convolution, 5), partial(Convolution, 7), (8, 8), LatencySettings(runtime, rounds=3)) == 2


@pytest.mark.nightly
def test_failures_of_the_other_process_are_errors():
    """The failures are an error, the user's mistake, the end of the process, and a build that never ends."""
    xs = network('xs')
    with raises(RuntimeError, 'latency', 'TypeError', 'int()'):
        measured_apart(partial(int, None), xs, (64, 64), SETTINGS)
    with raises(ConfigError, "'abacus'", 'onnx, openvino, torchscript'):
        measured_apart(xs, xs, (64, 64), LatencySettings('abacus'))
    with raises(RuntimeError, 'latency', 'status 3'):
        measured_apart(partial(os._exit, 3), xs, (64, 64), SETTINGS)
    with raises(RuntimeError, 'latency', 'search.time_limit', '0.5 s'):
        measured_apart(xs, xs, (64, 64), SETTINGS, 0.5)


@pytest.mark.slow
def test_apart_it_measures():
    assert 0 < measured_apart(network('xs'), network('xs'), (64, 64), SETTINGS) < float('inf')


@pytest.mark.parametrize('config,facts', [
    (dict(threads=2), ['search.latency', "'runtime'", "dict(runtime='onnx'"]),
    (dict(runtime='abacus'), ["'abacus'", 'onnx, openvino, torchscript']),
    (dict(runtime='torchscript', round=3), ['search.latency', "'round'", "'rounds'"]),
    (dict(runtime='torchscript', reference='xxl'), ["'xxl'", "'xs', 's', 'm', 'l'"]),
    (dict(runtime='torchscript', threads=0), ['search.latency.threads', 0, 1]),
    (dict(runtime='torchscript', rounds='many'), ['search.latency.rounds', "'many'", 1]),
])
def test_settings_that_cannot_be_used(config, facts):
    with raises(ConfigError, *facts):
        LatencySettings.read(config)
