import copy
import math
import os

import pytest
import torch
from facts import raises
from free_port import free_port
from half_precision import needs_half_on_cpu
from mmcv.cnn.bricks import DropPath
from mmengine.config import ConfigDict
from torch import nn

from mmmux.models import DS, IR, MUX, Architecture, MUXNet
from mmmux.utils.errors import ConfigError, DatasetError

# Channels and strides of the seven stages and the head.
CHANNELS = {'xs': (16, 16, 24, 48, 72, 96, 120, 1152), 's': (16, 16, 24, 56, 88, 120, 152, 1280),
            'm': (24, 24, 40, 80, 112, 160, 200, 1280), 'l': (24, 24, 40, 80, 120, 160, 200, 1536)}
STRIDES = (2, 4, 8, 16, 16, 32, 32, 32)
# One block of each kind, mixed kernels and spatial multiplexing among them.
SMALL = Architecture(
    head_channels=32,
    stages=((DS(16, act='ReLU'), ), (IR(24, (3, 5), stride=2, expand_ratio=2), MUX(3, expand_ratio=2)),
            (IR(16, 3, stride=2, expand_ratio=2, scales=(-1, 0, 1)), )))


def trained(network):
    """Statistics away from their start, so that a slip in using them shows."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def batch_norms(module):
    return [child for child in module.modules() if isinstance(child, nn.BatchNorm2d)]


def error(outs, references):
    return max(((out.float() - reference).abs().max() / reference.abs().max()).item()
               for out, reference in zip(outs, references))


@pytest.mark.parametrize('arch', CHANNELS)
@pytest.mark.parametrize('size', [(32, 32), (33, 47), (321, 333)])
def test_features_have_the_tables_channels_and_strides(arch, size):
    network = MUXNet(arch, out_indices=range(8)).eval()
    with torch.no_grad():
        features = network(torch.rand(1, 3, *size))
    expected = [(1, channels, *(math.ceil(side / stride) for side in size))
                for channels, stride in zip(CHANNELS[arch], STRIDES)]
    assert [tuple(feature.shape) for feature in features] == expected
    assert network.out_channels == CHANNELS[arch]


def test_outputs_come_in_the_order_of_out_indices():
    network = MUXNet('m', out_indices=(4, 0, 2)).eval()
    ordered = copy.deepcopy(network)
    ordered.out_indices = (0, 2, 4)
    x = torch.rand(1, 3, 64, 64)
    a, b, c = network(x)
    assert all(torch.equal(one, other) for one, other in zip((b, c, a), ordered(x)))
    assert network.out_channels == (112, 24, 40)


@pytest.mark.parametrize('last', [0, 2, 6, 7])
def test_stages_after_the_largest_out_index_are_not_built(last):
    network = MUXNet('m', out_indices=(0, last) if last else (0, ))
    stages = {int(name.split('.')[1]) for name, _ in network.named_parameters() if name.startswith('stages.')}
    assert stages == set(range(last + 1))
    # Then every parameter gets a gradient, as DistributedDataParallel requires.
    sum(out.mean() for out in network(torch.rand(2, 3, 32, 32))).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize('out_indices', [(8, ), (-1, ), (1, 1), (), (1.5, ), ((1, ), ), None, 'm'])
def test_out_indices_out_of_range_are_refused(out_indices):
    with raises(ConfigError, 'out_indices', 'MUXNet', '0 to 7', f'got {out_indices!r}'):
        MUXNet('m', out_indices=out_indices)


@pytest.mark.parametrize('frozen_stages', [-2, 5, 0.5, '1', None])
@pytest.mark.parametrize('out_indices', [(4, 2), 4])
def test_frozen_stages_out_of_range_are_refused(frozen_stages, out_indices):
    with raises(ConfigError, 'frozen_stages', 'MUXNet', -1, 'to 4', f'got {frozen_stages!r}'):
        MUXNet('m', out_indices=out_indices, frozen_stages=frozen_stages)


@pytest.mark.parametrize('rate', [-0.1, 1, 'much'])
def test_drop_path_rate_out_of_range_is_refused(rate):
    with raises(ConfigError, 'drop_path_rate', 'MUXNet', 'below 1', f'got {rate!r}'):
        MUXNet('m', drop_path_rate=rate)


@pytest.mark.parametrize('size', [(31, 64), (64, 31), (1, 1)])
def test_pictures_below_32_pixels_are_refused_with_their_size(size):
    with raises(DatasetError, 'MUXNet', '32 x 32 pixels', f'got {size[0]} x {size[1]}', 'Resize'):
        MUXNet('m', out_indices=(0, ))(torch.rand(1, 3, *size))


@pytest.mark.parametrize('frozen', [-1, 0, 2])
def test_frozen_stages_keep_weights_and_statistics(frozen):
    network = MUXNet(SMALL, out_indices=(2, 3), frozen_stages=frozen)
    before = copy.deepcopy(network.state_dict())
    network.train()
    sum(out.mean() for out in network(torch.rand(2, 3, 32, 32))).backward()
    for name, parameter in network.named_parameters():
        still = frozen >= 0 and (name.startswith('stem.') or int(name.split('.')[1]) <= frozen)
        assert parameter.requires_grad is not still and (parameter.grad is None) is still, name
    for name, value in network.state_dict().items():
        if 'running' in name or 'num_batches' in name:
            still = frozen >= 0 and (name.startswith('stem.') or int(name.split('.')[1]) <= frozen)
            assert torch.equal(value, before[name]) is still, name


def test_norm_eval_keeps_statistics_but_trains_weights():
    network = MUXNet(SMALL, out_indices=(3, ), norm_eval=True)
    before = [norm.running_mean.clone() for norm in batch_norms(network)]
    network.train()
    network(torch.rand(2, 3, 32, 32))[0].mean().backward()
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(batch_norms(network), before))
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert network.training and network.stem.training


def test_drop_path_grows_with_the_blocks_of_the_table():
    rows = (DS(16), MUX(), IR(16, expand_ratio=2), IR(16, expand_ratio=2), IR(24, expand_ratio=2))
    arch = Architecture(head_channels=8, drop_path_rate=0.5, stages=(rows, ), stem_channels=16)
    network = MUXNet(arch, out_indices=(0, ))
    rates = [block.drop_path.drop_prob if isinstance(getattr(block, 'drop_path', None), DropPath) else 0.
             for block in network.stages[0]]
    assert rates[:4] == pytest.approx([0, 0, 0.5 * 2 / 5, 0.5 * 3 / 5])  # 0: the first block; never in MUX
    nothing = MUXNet(arch, out_indices=(0, ), drop_path_rate=0.)
    assert not any(isinstance(module, DropPath) for module in nothing.modules())


def test_weights_start_as_the_authors_start_them():
    network = MUXNet('m', out_indices=(7, ))
    network.init_weights()
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            std = math.sqrt(2 / (module.kernel_size[0]**2 * module.out_channels))
            if module.weight.numel() > 2000:  # the sample's own spread is then below 2 %
                assert module.weight.std().item() == pytest.approx(std, rel=0.1), name
                assert abs(module.weight.mean().item()) < 0.1 * std, name
            assert module.bias is None or not module.bias.any()
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and not module.bias.any()


def test_norm_cfg_reaches_every_norm():
    network = MUXNet(SMALL, norm_cfg=ConfigDict(type='BN', eps=0.001, momentum=0.03), out_indices=(3, ))
    assert {(norm.eps, norm.momentum) for norm in batch_norms(network)} == {(0.001, 0.03)}
    assert {(norm.eps, norm.momentum) for norm in batch_norms(MUXNet(SMALL, out_indices=(3, )))} == {(1e-5, 0.1)}
    grouped = MUXNet(SMALL, norm_cfg=dict(type='GN', num_groups=4), out_indices=(3, ))
    assert not batch_norms(grouped) and grouped(torch.rand(1, 3, 32, 32))[0].shape == (1, 32, 4, 4)


@pytest.mark.parametrize('arch', ['xs', 'm', SMALL], ids=['xs', 'm', 'small'])
@pytest.mark.parametrize(('dtype', 'tolerance'), [pytest.param(torch.float16, 5e-3, marks=needs_half_on_cpu),
                                                  (torch.bfloat16, 5e-2), (torch.float64, 1e-5)])
def test_other_precisions_give_the_same_features(arch, dtype, tolerance):
    network = trained(MUXNet(arch, out_indices=(1, 3))).eval()
    x = torch.rand(1, 3, 33, 48)
    with torch.no_grad():
        expected = network(x)
        outs = copy.deepcopy(network).to(dtype)(x.to(dtype))
        assert {out.dtype for out in outs} == {dtype}
        assert error(outs, expected) < tolerance
        if dtype == torch.bfloat16:
            with torch.autocast('cpu', dtype):
                assert error(network(x), expected) < tolerance


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('arch', ['xs', 'm'])
def test_channels_last_gives_the_same_features_and_gradients(arch, training):
    network = trained(MUXNet(arch, out_indices=(2, 4))).double().train(training)  # double: no tolerance hides a mistake
    other = copy.deepcopy(network).to(memory_format=torch.channels_last)
    x = torch.rand(2, 3, 33, 48).double()
    gradients = []
    for net, picture in ((network, x), (other, x.to(memory_format=torch.channels_last))):
        outs = net(picture)
        sum(out.square().mean() for out in outs).backward()
        gradients.append([*outs, *(parameter.grad for parameter in net.parameters())])
    for one, two in zip(*gradients):
        assert torch.allclose(one, two, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('arch', ['xs', 'm', SMALL], ids=['xs', 'm', 'small'])
def test_checkpointing_activations_changes_nothing(arch):
    plain = MUXNet(arch, out_indices=(1, 3), drop_path_rate=0.5)
    saving = MUXNet(arch, out_indices=(1, 3), drop_path_rate=0.5, with_cp=True)
    saving.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 64, 64)
    outs = []
    for network in (plain, saving):
        torch.manual_seed(1)
        outs.append(network.train()(x))
        sum(out.square().mean() for out in outs[-1]).backward()
    assert all(torch.equal(one, other) for one, other in zip(*outs))
    for (name, one), other in zip(plain.named_parameters(), saving.parameters()):
        assert torch.equal(one.grad, other.grad), name
    for (name, one), other in zip(plain.state_dict().items(), saving.state_dict().values()):
        assert torch.equal(one, other), name  # the running statistics and batch counts too


def test_checkpointing_keeps_less_for_the_backward_pass():
    def kept(with_cp):
        network, sizes = MUXNet('m', out_indices=(3, ), with_cp=with_cp), []
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: sizes.append(tensor.numel()) or tensor, lambda x: x):
            network.train()(torch.rand(1, 3, 64, 64))
        return sum(sizes)

    assert kept(with_cp=True) < kept(with_cp=False) / 4


# Generating code takes a minute or more. Only nightly runs do it; other runs trace and differentiate the network.
@pytest.mark.parametrize(('arch', 'backend'), [
    pytest.param('m', 'aot_eager', id='m', marks=pytest.mark.slow),
    pytest.param(SMALL, 'inductor', id='small', marks=pytest.mark.nightly),
    *(pytest.param(arch, 'inductor', id=f'{arch}, inductor', marks=pytest.mark.nightly) for arch in CHANNELS)])
def test_compiled_network_gives_the_same_features_and_gradients(arch, backend):
    torch._dynamo.reset()
    network = trained(MUXNet(arch, out_indices=(1, 2))).eval()
    other = copy.deepcopy(network)
    compiled = torch.compile(other, backend=backend, fullgraph=True)
    x = torch.rand(1, 3, 32, 48)
    outs, others = network(x), compiled(x)
    assert error(others, outs) < 1e-4
    outs[1].square().mean().backward()
    others[1].square().mean().backward()
    assert error([other.stem[0].weight.grad], [network.stem[0].weight.grad]) < 1e-4


def _distributed_step(rank, port, network, x, results):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    ddp = nn.parallel.DistributedDataParallel(network.train())  # find_unused_parameters is off
    for _ in range(2):  # a parameter left unused in the first step raises in the second
        network.zero_grad()
        sum(out.square().mean() for out in ddp(x.chunk(2)[rank])).backward()
    if rank == 0:
        torch.save([parameter.grad for parameter in network.parameters()], results)
    torch.distributed.barrier()
    os._exit(0)  # the work is done; leaving in order can wait forever for threads of gloo


@pytest.mark.slow
def test_two_processes_get_the_gradients_of_one(tmp_path):
    network = trained(MUXNet('m', out_indices=(1, 3), norm_eval=True)).double()
    x = torch.rand(4, 3, 32, 48).double()
    port = free_port()
    torch.multiprocessing.spawn(_distributed_step, (port, network, x, tmp_path / 'gradients.pth'), nprocs=2)
    sum(out.square().mean() for out in network.train()(x)).backward()
    for (name, parameter), gradient in zip(network.named_parameters(), torch.load(tmp_path / 'gradients.pth')):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-6, atol=1e-9), name
