"""Processes on CPUs together normalise as one process does with all their pictures."""
import os
from copy import deepcopy

import pytest
import torch
from forked_process import FORKED
from free_port import free_port
from mmcv.cnn import build_norm_layer
from torch import nn

from mmmux.models.layers import SyncBatchNorm

BATCHES = (1, 3)


def _step(rank: int, port: int, norm: nn.Module, x: torch.Tensor, weights: torch.Tensor, folder) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    norm = deepcopy(norm)  # tensors given to processes are shared
    own = x.split(BATCHES)[rank].clone().requires_grad_()
    out = norm.train()(own)
    (out * weights.split(BATCHES)[rank]).sum().backward()
    torch.save(dict(out=out.detach(), grad=own.grad, state=norm.state_dict(),
                    grads=[parameter.grad for parameter in norm.parameters()]), folder / f'{rank}.pth')
    torch.distributed.barrier()
    os._exit(0)  # the work is done; leaving in order can wait forever for threads of gloo


@pytest.mark.slow
@pytest.mark.parametrize('options', [{}, dict(momentum=None), dict(affine=False, track_running_stats=False)])
def test_two_processes_normalise_as_one(options, tmp_path):
    x, weights = torch.randn(4, 5, 6, 7).double() * 3 + 100, torch.randn(4, 5, 6, 7).double()
    one, two = (cls(5, **options).double() for cls in (nn.BatchNorm2d, SyncBatchNorm))
    if one.affine:
        for norm in (one, two):
            norm.weight.data, norm.bias.data = torch.arange(1., 6).double(), torch.arange(5.).double()
    port = free_port()
    processes = [FORKED.Process(target=_step, args=(rank, port, two, x, weights, tmp_path)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    found = [torch.load(tmp_path / f'{rank}.pth') for rank in range(2)]

    whole = x.clone().requires_grad_()
    out = one.train()(whole)
    (out * weights).sum().backward()
    assert torch.allclose(torch.cat([part['out'] for part in found]), out)
    assert torch.allclose(torch.cat([part['grad'] for part in found]), whole.grad)
    for number, parameter in enumerate(one.parameters()):
        assert torch.allclose(sum(part['grads'][number] for part in found), parameter.grad)
    for part in found:
        assert part['state'].keys() == one.state_dict().keys()
        assert all(torch.allclose(part['state'][name], value) for name, value in one.state_dict().items())


def test_alone_it_is_batch_norm():
    x = torch.randn(4, 5, 6, 7)
    name, norm = build_norm_layer(dict(type='mmmux.SyncBN'), 5)
    assert name == 'bn' and isinstance(norm, SyncBatchNorm)
    assert torch.equal(norm.train()(x), nn.BatchNorm2d(5).train()(x))
