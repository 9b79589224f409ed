"""A file has the same bytes on every processor, and its runtime computes the same values up to rounding."""
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from mmmux.deploy.runtimes import FileContent, openvino_runtime, runtime_of
from mmmux.models import MUXNet

WRITE = """
import hashlib, torch
from pathlib import Path
from mmmux.deploy import exact_form
from mmmux.deploy.benchmark import Features
from mmmux.deploy.runtimes import FileContent, default_form, runtime_of
from mmmux.models import MUXNet
network = MUXNet('m', out_indices=(4, 6))
network.load_state_dict(torch.load('{weights}'))
x = torch.zeros(1, 3, 64, 64)
print(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())
for name in {formats}:
    runtime = runtime_of(name)
    path = Path('{folder}') / f'{{name}}{{runtime.SUFFIX}}'
    runtime.write(FileContent(Features(exact_form(network.eval(), default_form(name))), x), path)
    print(*(hashlib.sha256(each.read_bytes()).hexdigest() for each in (path, path.with_suffix('.bin')) if each.exists()))
"""


@pytest.mark.nightly
def test_a_file_does_not_depend_on_the_processor_that_wrote_it(as_trained, fresh_python, tmp_path, monkeypatch):
    packages = dict(onnx='onnxruntime', openvino='openvino', torchscript='torch')
    formats = [name for name, package in packages.items() if find_spec(package)]
    torch.save(as_trained(MUXNet('m', out_indices=(4, 6))).state_dict(), tmp_path / 'weights.pth')
    code = WRITE.format(weights=tmp_path / 'weights.pth', folder=tmp_path, formats=formats)
    here = fresh_python(code).splitlines()
    # Torch and oneDNN use the instructions of a processor of 2008, without AVX.
    monkeypatch.setenv('ATEN_CPU_CAPABILITY', 'default')
    monkeypatch.setenv('ONEDNN_MAX_CPU_ISA', 'SSE41')
    elsewhere = fresh_python(code).splitlines()
    assert elsewhere[0].startswith(('DEFAULT', 'NO AVX'))  # 'NO AVX' until torch 2.1
    assert len(here) == 1 + len(formats) and here[1:] == elsewhere[1:]


class Even(nn.Module):
    """Compute the mean of each pixel's colours by convolutions with equal weights."""
    outputs = ('means', )

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(*channels, 1) for channels in ((3, 64), (64, 8)))
        for conv in self.convs:
            nn.init.constant_(conv.weight, 1 / conv.in_channels)
            nn.init.zeros_(conv.bias)

    def forward(self, x):
        for conv in self.convs:
            x = conv(x).relu()
        return (x, )


@pytest.mark.slow
@pytest.mark.parametrize('name, packages', [('onnx', ['onnxruntime']), ('openvino', ['openvino', 'nncf'])])
def test_int8_is_not_clipped(name, packages, tmp_path):
    # The largest activations times the largest weights: processors without VNNI add two such products in 16 bits.
    for package in packages:
        pytest.importorskip(package)
    runtime, network = runtime_of(name), Even().eval()
    bright = [0.9 + 0.1 * torch.rand(1, 3, 16, 16) for _ in range(4)]
    runtime.write(FileContent(network, bright[0], precision='int8', calibration=bright), tmp_path / f'model{runtime.SUFFIX}')
    means, = runtime.load(tmp_path / f'model{runtime.SUFFIX}', 1)(bright[0].numpy())
    assert abs(torch.from_numpy(means) - bright[0].mean(1, keepdim=True)).max() < 0.05


class Doubled(nn.Module):
    outputs = ('doubled', )

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.zeros_(self.conv.weight)
        self.conv.weight.data[range(3), range(3)] = 2.

    def forward(self, x):
        return (self.conv(x), )


def test_openvino_computes_float32_where_the_processor_has_bfloat16_too(tmp_path, monkeypatch):
    openvino = pytest.importorskip('openvino')
    compiled, compile_model = [], openvino.Core.compile_model

    def recorded(core, model, device, settings):
        assert settings['INFERENCE_PRECISION_HINT'] == 'f32'
        compiled.append(compile_model(core, model, device, settings))
        return compiled[-1]

    monkeypatch.setattr(openvino.Core, 'compile_model', recorded)
    x = 1 + torch.arange(3 * 8 * 8).reshape(1, 3, 8, 8) * 2**-20  # bfloat16 has 8 bits of these 24
    openvino_runtime.write(FileContent(Doubled().eval(), x), tmp_path / 'model.xml')
    doubled, = openvino_runtime.load(tmp_path / 'model.xml', 1)(x.numpy())
    assert torch.equal(torch.from_numpy(doubled), 2 * x)
    assert [each.get_property('INFERENCE_PRECISION_HINT') for each in compiled] == [openvino.Type.f32]
