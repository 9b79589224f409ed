"""The exact form computes the outputs of the trained network, for every architecture and every input."""
from collections import Counter

import numpy
import pytest
import torch
from facts import raises
from release_reference import needs_reference, recorded, relative_error, release_layout, weights_by_key
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmmux.deploy import exact_form
from mmmux.deploy.benchmark import Features
from mmmux.deploy.exact.stage_form import IN_RUNTIMES, IN_TORCH, StageForm
from mmmux.deploy.old_torch import trace_to_onnx
from mmmux.deploy.runtimes import FileContent, onnx_runtime, openvino_runtime
from mmmux.models import ARCHITECTURES, DS, IR, MUX, Architecture, MUXNet
from mmmux.models.backbones.small_pictures import without_early_strides
from mmmux.models.release import convert_release_checkpoint
from mmmux.utils.errors import ConfigError

TOLERANCE = 1e-5
FORMS = [StageForm(), StageForm(in_place=True, halved=False, spread=True, cut=False), StageForm(in_place=False, merged=False)]
SIZES = [(64, 96), (75, 97), (33, 130)]
MOVES = {'index', 'index_select', 'slice', 'split', 'split_with_sizes', 'transpose', 'permute'}


def assert_equal(trained, exact, size, batch=2):
    x = torch.randn(batch, 3, *size)
    with torch.no_grad():
        expected, found = trained(x), exact(x)
    assert len(expected) == len(found)
    for index, (theirs, ours) in enumerate(zip(expected, found)):
        assert relative_error(ours, theirs) < TOLERANCE, f'feature {index}'


@pytest.mark.slow
@pytest.mark.parametrize('form', [FORMS[0], *(pytest.param(form, marks=pytest.mark.nightly) for form in FORMS[1:])], ids=str)
@pytest.mark.parametrize('output_stride', [None, 16, 8])
@pytest.mark.parametrize('arch', ARCHITECTURES)
def test_every_feature_of_the_family_is_equal(arch, output_stride, form, as_trained):
    network = as_trained(MUXNet(arch, out_indices=(7, 0, 1, 2, 3, 4, 5, 6), output_stride=output_stride))
    exact = exact_form(network, dict.fromkeys(range(9), form))
    for size in SIZES:
        assert_equal(network, exact, size)


@pytest.mark.parametrize('form', [StageForm(in_place=True), IN_TORCH], ids=str)
@pytest.mark.parametrize('arch', ['m', 'l'])
def test_in_place_nothing_moves_channels_and_nothing_is_normalised(arch, form, as_trained):
    exact = exact_form(as_trained(MUXNet(arch, out_indices=(1, 2, 4, 7))), form)
    called = _called(exact)
    assert 'convolution' in called
    assert not called & {'native_batch_norm', *MOVES}
    groups = {conv.in_channels // conv.groups for conv in exact.modules() if isinstance(conv, nn.Conv2d) and conv.groups > 1}
    assert groups == ({1} if form.halved else {1, 8})  # not one of two channels


def test_in_runtimes_only_wide_stages_move_channels(as_trained):
    narrow = Architecture(stages=[[DS(24)], [IR(88, stride=2), MUX(3), MUX(5)]], head_channels=64)
    wide = Architecture(stages=[[DS(24)], [IR(96, stride=2), MUX(3), MUX(5)]], head_channels=64)
    moving = [_called(exact_form(as_trained(MUXNet(arch, out_indices=(2, ))), IN_RUNTIMES)) & MOVES for arch in (narrow, wide)]
    assert not moving[0] and moving[1]


def test_early_depthwise_steps_are_in_parts(as_trained):
    for form, widths in ((IN_RUNTIMES, {24, 32}), (StageForm(cut=False), {24, 96})):
        exact = exact_form(as_trained(MUXNet('m', out_indices=(1, ))), form)
        assert {conv.groups for conv in exact.modules() if isinstance(conv, nn.Conv2d) and conv.groups > 1} == widths


def _called(network):
    """Names of the operators that torch calls."""
    called = set()

    class Recorded(TorchDispatchMode):

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            called.add(function.overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    with Recorded():
        network(torch.randn(1, 3, 64, 64))
    return called


def test_in_torch_two_channels_a_group_are_eight(as_trained):
    exact = exact_form(as_trained(MUXNet('m', out_indices=(6, ))))
    widths = [conv.in_channels // conv.groups for conv in exact.modules() if isinstance(conv, nn.Conv2d) and conv.groups > 1]
    assert widths.count(8) == 11 and set(widths) == {1, 8}  # m has 11 MUX blocks


@needs_reference
@pytest.mark.parametrize('arch', ['m', 'l'])
def test_the_head_is_the_releases(arch):
    _, arrays = recorded(f'muxnet_{arch}')
    state = convert_release_checkpoint(weights_by_key(release_layout(arch)), 'reference')['state_dict']
    network = MUXNet(arch, out_indices=(7, ))
    network.load_state_dict({key: value for key, value in state.items() if not key.startswith('classifier.')})
    x = numpy.random.default_rng(0).standard_normal((2, 3, 64, 96)).astype(numpy.float32)
    feature, = exact_form(network.eval())(torch.from_numpy(x))
    assert relative_error(feature, arrays['head']) < TOLERANCE


CUSTOM = {
    'spatial multiplexing': [[DS(24, act='ReLU', scales=(0, 1))],
                             [IR(32, 3, stride=2, scales=(-1, 0, 0, 1)), MUX(3, scales=(-1, 0, 1, 1)), MUX(5)],
                             [IR(40, (3, 5), stride=2, scales=(-1, 0)), MUX(5, scales=(-1, 0)), IR(48, stride=2)]],
    'MUX first in a stage': [[DS(24)], [MUX(3), MUX(5)], [IR(32, 3, stride=2)], [MUX(3), MUX(3), MUX(3)]],
    'MUX before IR with an identity': [[DS(24)], [IR(32, stride=2), IR(32), IR(32), MUX(3), IR(32), MUX(3)], [IR(48, 5)]],
    'identity of DS before MUX': [[DS(24, stride=2), DS(24), MUX(3)], [DS(24, (3, 5), scales=None), DS(24), MUX(3)],
                                  [IR(32, 3, stride=2)]],
    'DS with scales before MUX': [[DS(24, scales=(-1, 0, 1)), MUX(3)], [IR(32)]],
    'splits and shuffles': [[DS(24)], [IR(36, stride=2), MUX(3, split_ratio=0.34), MUX(5, split_ratio=1.0, shuffle_groups=3),
                                       MUX(3, split_ratio=0.75, shuffle_groups=4), MUX(3, shuffle_groups=1)], [IR(40)]],
    'without SE': [[DS(24, se_ratio=0)], [IR(32, (3, 5, 7), se_ratio=0, stride=2), MUX(3, se_ratio=0)], [IR(40, se_ratio=0)]],
    'ReLU': [[DS(24, act='ReLU')], [IR(32, (3, 5), stride=2, act='ReLU'), MUX(5, act='ReLU')], [IR(40, act='ReLU')]],
    'mixed kernels out of order': [[DS(24, (7, 3, 5))], [IR(32, (5, 3, 9, 3), stride=2), MUX(3)], [IR(40, (3, 3))]],
}


@pytest.mark.parametrize('form', FORMS, ids=str)
@pytest.mark.parametrize('output_stride, table', [
    *((None, table) for table in CUSTOM), (8, 'spatial multiplexing')])  # the one whose stride is above 8
def test_custom_tables(table, output_stride, form, as_trained):
    arch = Architecture(stages=CUSTOM[table], head_channels=64)
    # All features, then each alone: a returned one must have its ordinary order, one that is not returned need not.
    for out_indices in [range(len(arch.stages) + 1), *((index, ) for index in range(len(arch.stages) + 1))]:
        network = as_trained(MUXNet(arch, out_indices=tuple(out_indices), output_stride=output_stride))
        assert_equal(network, exact_form(network, dict.fromkeys(range(9), form)), (45, 70))


def test_strides_that_were_removed_stay_removed(as_trained):
    network = as_trained(without_early_strides(dict(type='MUXNet', arch='m', out_indices=(3, 7)), removed=2))
    assert_equal(network, exact_form(network), (32, 32))


def test_the_trained_network_stays_as_it_is(as_trained):
    network = as_trained(MUXNet('m', out_indices=(4, )))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.randn(1, 3, 64, 64)
    kept = x.clone()
    exact_form(nn.Sequential(network).eval())(x)
    assert torch.equal(x, kept)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_norms_after_convolutions_anywhere_are_folded(as_trained):
    mmcv = pytest.importorskip('mmcv.cnn')
    norm = dict(type='BN')
    model = as_trained(nn.Sequential(
        mmcv.DepthwiseSeparableConvModule(3, 8, 3, padding=1, norm_cfg=norm, act_cfg=dict(type='ReLU6')),
        mmcv.ConvModule(8, 8, 3, norm_cfg=norm, order=('conv', 'act', 'norm')),
        mmcv.ConvModule(8, 8, 3, bias=True, norm_cfg=norm),
        nn.Conv2d(8, 6, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.BatchNorm2d(6)))
    exact = exact_form(model)
    x = torch.randn(2, 3, 20, 20)
    with torch.no_grad():
        assert relative_error(exact(x), model(x)) < TOLERANCE
    # Two cannot be folded: those after an activation.
    assert sum(isinstance(module, nn.BatchNorm2d) for module in exact.modules()) == 2


@pytest.mark.parametrize('part', ['', 'stages.1'])
def test_a_model_in_training_is_refused(part):
    network = MUXNet('m').eval()
    network.get_submodule(part).train()
    with raises(ConfigError, 'MUXNet', 'training', 'model.eval()'):
        exact_form(network)


def test_a_norm_that_cannot_be_folded_is_refused():
    network = MUXNet('m', norm_cfg=dict(type='GN', num_groups=2)).eval()
    with raises(ConfigError, 'norm_cfg', 'BN', 'SyncBN', 'GroupNorm(2, 24'):
        exact_form(network)


@pytest.mark.parametrize('arch, output_stride, form',
                         [('m', None, IN_TORCH), ('m', None, StageForm(spread=True)), ('xs', None, IN_RUNTIMES),
                          ('xs', 8, IN_TORCH)])
def test_a_graph_of_any_size_in_another_runtime(arch, output_stride, form, as_trained, tmp_path):
    pytest.importorskip('onnx')
    onnxruntime = pytest.importorskip('onnxruntime')
    network = as_trained(MUXNet(arch, out_indices=(1, 4, 6), output_stride=output_stride))
    trace_to_onnx(exact_form(network, form), (torch.randn(1, 3, 64, 96), ), tmp_path / 'exact.onnx', opset_version=17,
                  input_names=['x'], dynamic_axes={'x': {0: 'batch', 2: 'height', 3: 'width'}})
    session = onnxruntime.InferenceSession(str(tmp_path / 'exact.onnx'), providers=['CPUExecutionProvider'])
    for shape in [(1, 3, 64, 96), (2, 3, 75, 97), (1, 3, 33, 130)]:
        x = torch.randn(shape)
        with torch.no_grad():
            expected = network(x)
        for found, feature in zip(session.run(None, {'x': x.numpy()}), expected):
            assert relative_error(found, feature) < TOLERANCE


class Read(nn.Module):
    """Apply a convolution to each feature of a network, as a head does."""
    outputs = ('sums', )

    def __init__(self, network, channels):
        super().__init__()
        self.network = network
        self.convs = nn.ModuleList(nn.Conv2d(width, 8, 1) for width in channels)

    def forward(self, x):
        return (torch.cat([conv(feature).flatten(1) for conv, feature in zip(self.convs, self.network(x))], 1), )


@pytest.mark.slow
@pytest.mark.parametrize('table', ['m', *(pytest.param(table, marks=pytest.mark.nightly) for table in (
    'splits and shuffles', 'identity of DS before MUX'))])
@pytest.mark.parametrize('form', FORMS, ids=str)
def test_features_have_their_order_for_whoever_reads_them_in_openvino(table, form, as_trained, tmp_path):
    pytest.importorskip('openvino')
    arch = ARCHITECTURES[table] if table in ARCHITECTURES else Architecture(stages=CUSTOM[table], head_channels=64)
    network = as_trained(MUXNet(arch, out_indices=tuple(range(len(arch.stages)))))
    read = Read(network, network.out_channels)
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected, = read(x)
    read.network = exact_form(network, form)
    openvino_runtime.write(FileContent(read, x), tmp_path / 'read.xml')
    found, = openvino_runtime.load(tmp_path / 'read.xml', 1)(x.numpy())
    assert relative_error(found, expected) < TOLERANCE


def optimised_by_onnx_runtime(network, size, folder):
    """The graph that ONNX Runtime runs on this processor: operators, and the shape of each weight."""
    onnx, onnxruntime = pytest.importorskip('onnx'), pytest.importorskip('onnxruntime')
    onnx_runtime.write(FileContent(network.eval(), torch.randn(1, 3, *size)), folder / 'exact.onnx')
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / 'optimised.onnx')
    onnxruntime.InferenceSession(str(folder / 'exact.onnx'), options, providers=['CPUExecutionProvider'])
    graph = onnx.load(folder / 'optimised.onnx').graph
    return Counter(node.op_type for node in graph.node), [tuple(weight.dims) for weight in graph.initializer]


@pytest.fixture
def block(tmp_path):
    """The channels of a block of ONNX Runtime's layout here, 8 with AVX2 and 16 with AVX-512: it fills a convolution's up."""
    conv = nn.Conv2d(3, 4, 1)
    conv.outputs = ('convolved', )
    _, shapes = optimised_by_onnx_runtime(conv, (64, 64), tmp_path)
    found = next(shape[0] for shape in shapes if len(shape) == 4)
    if found == 4:
        pytest.skip('ONNX Runtime has no blocked layout on this processor')
    swish = nn.Sequential(nn.Conv2d(3, 16, 1), nn.SiLU(), nn.Conv2d(16, 16, 1), nn.SiLU(), nn.Conv2d(16, 16, 1))
    swish.outputs = ('convolved', )
    if optimised_by_onnx_runtime(swish, (64, 64), tmp_path)[0]['ReorderInput']:
        pytest.skip('this ONNX Runtime leaves its blocked layout at each Swish, gates or not')
    return found


@pytest.mark.slow
def test_with_spread_gates_onnx_runtime_stays_in_its_blocked_layout(block, as_trained, tmp_path):
    network = as_trained(MUXNet('m', out_indices=(6, )))
    forms = [exact_form(network, StageForm(in_place=True, spread=spread)) for spread in (False, True)]
    apart, spread = (optimised_by_onnx_runtime(Features(form), (64, 96), tmp_path)[0] for form in forms)
    gates = spread['Upsample']
    assert gates >= 29  # one in each of 7 blocks, one for each half in 11
    assert apart['ReorderInput'] >= gates and apart['ReorderOutput'] >= gates
    # The others are the output, and with blocks of 16 the means of 24 channels: of the first block and of four halves.
    outside = [[channels for channels in parts if channels % block] for parts in averaged_parts(forms[1])]
    assert sum(map(len, outside)) == (0 if block == 8 else 5)
    assert spread['ReorderInput'] <= sum(map(bool, outside))
    assert spread['ReorderOutput'] <= 1 + sum(map(len, outside))


def averaged_parts(exact):
    """For each block with SE, the channels of the parts whose means it takes."""
    return [[expand.out_channels for expand in module.gates.expand] for module in exact.modules()
            if getattr(module, 'gates', None) is not None]


def test_averaged_channels_fill_blocks_of_16_if_that_adds_few(as_trained):
    arch = Architecture(stages=[[DS(24)], [IR(24, stride=2, expand_ratio=3), MUX(3, expand_ratio=4)],
                                [IR(40, (3, 5), stride=2, expand_ratio=5), MUX(5, expand_ratio=12)]], head_channels=64)
    exact = exact_form(as_trained(MUXNet(arch, out_indices=(2, ))), StageForm(spread=True, cut=False))
    # 72 become 80, and 120 become 128. 24 stay: a third more channels cost more time than leaving the layout. The first part is
    # not filled up.
    assert averaged_parts(exact) == [[24], [80], [24, 24], [128], [128, 128]]
    assert_equal(as_trained(MUXNet(arch, out_indices=(2, ))), exact, (45, 70))


def test_a_finer_grid_whose_channels_are_filled_up(as_trained):
    # 2 of 4 groups of 20 channels at scale +1: 5 channels on the finer grid become 8.
    arch = Architecture(stages=[[DS(24)], [IR(32, stride=2, expand_ratio=80 / 24, scales=(1, 0, 1, -1))]], head_channels=8)
    network = as_trained(MUXNet(arch, out_indices=(1, )))
    exact = exact_form(network)
    assert {conv.in_channels for conv in exact.modules() if isinstance(conv, nn.Conv2d) and conv.groups > 1} == {8, 20, 24, 80}
    assert_equal(network, exact, (46, 70))
