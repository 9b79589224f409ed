"""Functions that old versions of torch lack are replaced, or refused with a sentence."""
import pytest
import torch
from facts import raises
from half_precision import half_on_cpu, needs_half_on_cpu
from torch import nn

from mmmux.deploy.benchmark import Entry, _torch_step
from mmmux.deploy.old_torch import replace_submodule
from mmmux.deploy.runtimes import FileContent, torchscript_runtime
from mmmux.utils.errors import ConfigError


class Convolved(nn.Sequential):
    outputs = ('features', )

    def forward(self, x):
        return (super().forward(x), )


@pytest.fixture
def network():
    return Convolved(nn.Conv2d(3, 4, 3)).eval()


@pytest.mark.parametrize('name', ['0', '1.inner', '1.inner.0'])
def test_a_module_is_put_in_the_place_of_another(name):
    model, new = nn.Sequential(nn.ReLU(), nn.ModuleDict(dict(inner=nn.Sequential(nn.ReLU())))), nn.Identity()
    names = [each for each, _ in model.named_modules()]
    replace_submodule(model, name, new)
    assert model.get_submodule(name) is new
    assert [each for each, _ in model.named_modules()] == [each for each in names if not each.startswith(f'{name}.')]


@needs_half_on_cpu
def test_torchscript_in_half_precision(network, tmp_path):
    x = torch.rand(1, 3, 8, 8)
    expected, = network(x)
    torchscript_runtime.write(FileContent(network, x, precision='fp16'), tmp_path / 'half.pt')
    found, = torchscript_runtime.load(tmp_path / 'half.pt')(x.numpy())
    torch.testing.assert_close(torch.from_numpy(found), expected.detach(), rtol=5e-3, atol=5e-3)


def test_half_precision_that_the_cpu_cannot_compute_is_refused(network, tmp_path, monkeypatch):
    if half_on_cpu():
        def conv2d(x, *_):
            raise RuntimeError(f'"slow_conv2d_cpu" not implemented for {x.dtype}')

        monkeypatch.setattr(nn.functional, 'conv2d', conv2d)
    x = torch.rand(1, 3, 8, 8)
    with raises(ConfigError, 'fp16', 'torchscript', torch.__version__, 'onnx', 'openvino'):
        torchscript_runtime.write(FileContent(network, x, precision='fp16'), tmp_path / 'half.pt')
    with raises(ConfigError, 'fp16', 'eager', torch.__version__, 'fp32', 'bf16'):
        _torch_step(network, x, Entry('config.py', 'eager', precision='fp16'))
