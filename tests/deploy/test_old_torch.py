"""What old versions of torch lack is told or done otherwise."""
import pytest
import torch
from half_precision import half_on_cpu, needs_half_on_cpu
from torch import nn

from mmmux.deploy.benchmark import Entry, _torch_step
from mmmux.deploy.old_torch import replace_submodule
from mmmux.deploy.runtimes import torchscript_runtime
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
    torchscript_runtime.write(network, x, tmp_path / 'half.pt', {}, precision='fp16')
    found, = torchscript_runtime.load(tmp_path / 'half.pt')(x.numpy())
    torch.testing.assert_close(torch.from_numpy(found), expected.detach(), rtol=5e-3, atol=5e-3)


def test_half_precision_that_the_cpu_cannot_compute_is_told(network, tmp_path, monkeypatch):
    if half_on_cpu():
        def conv2d(x, *_):
            raise RuntimeError(f'"slow_conv2d_cpu" not implemented for {x.dtype}')

        monkeypatch.setattr(nn.functional, 'conv2d', conv2d)
    x = torch.rand(1, 3, 8, 8)
    with pytest.raises(ConfigError, match=r'precision fp16 of torchscript needs .* export to onnx or openvino, or install'):
        torchscript_runtime.write(network, x, tmp_path / 'half.pt', {}, precision='fp16')
    with pytest.raises(ConfigError, match=r'precision fp16 of eager needs .* time fp32 or bf16, or install a newer torch'):
        _torch_step(network, x, Entry('config.py', 'eager', precision='fp16'))
