"""The fastest form of each stage is found by measurement."""
import pytest
import torch
from facts import raises
from torch import nn

import mmmux.deploy.tune as fastest_forms
from mmmux.deploy import exact_form
from mmmux.deploy.exact.stage_form import StageForm
from mmmux.deploy.runtimes import default_form
from mmmux.models import DS, IR, MUX, Architecture, MUXNet
from mmmux.utils.errors import ConfigError


@pytest.fixture
def network():
    return MUXNet('m', out_indices=(4, 6)).eval()


def test_only_forms_that_differ_are_tried(network):
    always = ['in_place', 'halved']
    # Only stages 2, 3 and 5 of m have mixed kernels, 1 to 5 MUX blocks; stage 1 has a depthwise step of few channels.
    expected = [[], [*always, 'cut'], *[['in_place', 'merged', 'halved']] * 2, always, ['in_place', 'merged', 'halved'], []]
    assert [fastest_forms.choices(stage, spreads=False) for stage in network.stages] == expected
    assert all('spread' in fastest_forms.choices(stage, spreads=True) for stage in network.stages)


def test_without_se_there_is_no_gate_to_spread():
    arch = Architecture(stages=[[DS(24, se_ratio=0)], [IR(32, stride=2, se_ratio=0), MUX(3, se_ratio=0)]], head_channels=64)
    for stage in MUXNet(arch, out_indices=(1, )).stages[:2]:
        assert 'spread' not in fastest_forms.choices(stage, spreads=True)


@pytest.mark.parametrize('halved', [True, False])
def test_forms_that_are_faster_alone_are_combined(network, halved, monkeypatch):

    def seconds(stage, x, forms, *_):
        return {form: [2 - 0.5 * (form.halved == halved) - 0.5 * (form.in_place == (x.shape[1] == 24)) + (not form.merged)]
                for form in forms}

    monkeypatch.setattr(fastest_forms, '_seconds', seconds)
    chosen = fastest_forms.fastest_forms(network, 64, 64, 'torchscript', StageForm(halved=not halved))
    for number in (1, 2, 3, 4, 5):
        # Stages 1 and 2 of m are those that read 24 channels.
        assert (chosen[number].halved, chosen[number].in_place) == (halved, number < 3)
        assert chosen[number].merged


@pytest.mark.parametrize('ratio, taken', [(0.98, False), (0.95, True)])
def test_a_form_that_is_faster_by_no_more_than_noise_is_not_selected(network, ratio, taken, monkeypatch):
    # The machine is twice as slow in the second round: within a round the ratio stays.
    monkeypatch.setattr(fastest_forms, '_seconds', lambda stage, x, forms, *_: {
        form: [slow * (1 if form.halved else ratio) for slow in (1, 2, 1)] for form in forms})
    chosen = fastest_forms.fastest_forms(network, 64, 64, 'torchscript', StageForm())
    assert all(form.halved != taken for form in chosen.values())


@pytest.mark.parametrize('default', [StageForm(), StageForm(spread=True)], ids=str)
def test_gates_are_spread_only_where_they_are_at_first(network, default, monkeypatch):
    asked = []

    def seconds(stage, x, forms, *_):
        asked.extend(forms)
        return {form: [1] for form in forms}

    monkeypatch.setattr(fastest_forms, '_seconds', seconds)
    fastest_forms.fastest_forms(network, 64, 64, 'torchscript', default)
    assert {form.spread for form in asked} == ({True, False} if default.spread else {False})


@pytest.mark.slow
@pytest.mark.parametrize('runtime', ['torchscript', 'onnx'])
def test_measured_in_a_runtime_the_outputs_stay(runtime):
    arch = Architecture(stages=[[DS(24)], [IR(32, (3, 5), stride=2), MUX(3)], [IR(48, 3, stride=2)]], head_channels=64)
    network = MUXNet(arch, out_indices=(1, 2)).eval()
    if runtime == 'onnx':
        pytest.importorskip('onnxruntime')
    forms = fastest_forms.fastest_forms(network, 64, 96, runtime, default_form(runtime), threads=1, rounds=2)
    assert all(isinstance(form, StageForm) for form in forms.values())
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for found, expected in zip(exact_form(network, forms)(x), network(x)):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_every_copy_of_a_stage_is_computed(network):
    # Copies that a runtime could see to be the same would be computed once.
    x = torch.rand(1, 24, 16, 16)
    branches = fastest_forms._Branches([network.stages[1]] * 3)
    with torch.no_grad():
        sums, = branches(x)
        expected = [network.stages[1](x * factor).sum() for factor in (1, 2, 3)]
    torch.testing.assert_close(sums, torch.stack(expected))
    assert len(set(sums.tolist())) == 3


def test_a_model_without_muxnet(network):
    assert fastest_forms.network_in(nn.Sequential(network)) is network
    with raises(ConfigError, 'MUXNet', 'Linear', '--tune'):
        fastest_forms.network_in(nn.Linear(1, 1))
