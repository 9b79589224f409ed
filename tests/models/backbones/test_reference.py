"""Our networks against the recorded outputs of the authors' release."""
import numpy
import pytest
import torch
from release_reference import needs_reference, recorded, relative_error, release_layout, weights_by_key
from torch import nn

from mmmux.models import MUXNet
from mmmux.models.release import convert_release_checkpoint

TOLERANCE = 1e-5


class Classifier(nn.Module):

    def __init__(self, arch, classes=1000):
        super().__init__()
        self.backbone = MUXNet(arch, out_indices=(7, ))
        self.classifier = nn.Linear(self.backbone.out_channels[0], classes)

    def forward(self, x):
        return self.classifier(self.backbone(x)[0].mean((2, 3)))


@needs_reference
@pytest.mark.parametrize('arch', ['m', 'l'])
def test_keys_and_shapes_are_the_releases(arch):
    described, _ = recorded(f'muxnet_{arch}')
    assert [list(entry) for entry in release_layout(arch)] == described['state_dict']


@needs_reference
@pytest.mark.parametrize('arch', ['m', 'l'])
def test_every_block_the_logits_and_the_gradient_agree_with_the_release(arch):
    _, arrays = recorded(f'muxnet_{arch}')
    state = convert_release_checkpoint(weights_by_key(release_layout(arch)), 'reference')['state_dict']
    network = Classifier(arch).eval()
    network.load_state_dict({key if key.startswith('classifier.') else f'backbone.{key}': value
                             for key, value in state.items()})
    outputs = []
    *stages, head = network.backbone.stages
    blocks = [block for stage in stages for block in stage]
    for module in (*blocks, head):
        module.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    x = numpy.random.default_rng(0).standard_normal((2, 3, 64, 96)).astype(numpy.float32)
    logits = network(torch.from_numpy(x))
    logits.square().mean().backward()

    expected = sorted(name for name in arrays.files if name.startswith('block'))
    assert len(expected) == len(blocks)
    for name, output in zip([*expected, 'head'], outputs):
        assert relative_error(output, arrays[name]) < TOLERANCE, name
    assert relative_error(logits, arrays['logits']) < TOLERANCE
    gradient = network.backbone.stem[0].weight.grad
    assert relative_error(gradient, arrays['grad_conv_stem_weight']) < TOLERANCE
