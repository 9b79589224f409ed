#!/usr/bin/env python
"""Compare the times of MUXNet-m and MobileNetV2 on a GPU: eager, compiled with CUDA graphs, half precision, and training.

The networks are backbones up to the last block. Every round times every network once, in turn. Ratios are medians divided by
the median of MobileNetV2 in the same mode. Weights are random, because they do not affect the time. The script needs
mmpretrain.
"""
import argparse
import copy
import itertools
from collections.abc import Callable
from pathlib import Path

import torch
from interleaved import forward, show, timed, training_step
from mmpretrain.models.backbones import MobileNetV2
from torch import nn

from mmmux.deploy import exact_form
from mmmux.deploy.exact.stage_form import IN_RUNTIMES
from mmmux.models import MUXNet
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

MOBILENET, PLAIN, EXACT = 'MobileNetV2', 'MUXNet-m', 'MUXNet-m, exact form'
PRECISIONS = {'float32': torch.float32, 'float16, channels last': torch.float16}


class Last(nn.Module):
    """Return only the last feature map of a backbone."""

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone

    def forward(self, x):
        return self.backbone(x)[-1]


def trunks(training: bool) -> dict[str, nn.Module]:
    networks = {MOBILENET: MobileNetV2(out_indices=(6, )), PLAIN: MUXNet('m', out_indices=(6, ))}
    for network in networks.values():
        network.train(training)
    if not training:
        networks[MOBILENET] = exact_form(networks[MOBILENET])  # folds its norms as well, for a fair comparison
        networks[EXACT] = exact_form(networks[PLAIN], IN_RUNTIMES)
    return {name: Last(network).cuda() for name, network in networks.items()}


def inference(batch: int, size: int, precision: str, run: Callable = forward) -> dict[str, Callable[[], None]]:
    kind = PRECISIONS[precision]
    order = torch.contiguous_format if kind is torch.float32 else torch.channels_last
    pictures = torch.rand(batch, 3, size, size, device='cuda', dtype=kind).to(memory_format=order)
    steps = {}
    for name, network in trunks(training=False).items():
        network = copy.deepcopy(network).to(kind).to(memory_format=order).eval()
        steps[name] = run(network, pictures)
    return steps


def compiled(network: nn.Module, pictures: torch.Tensor) -> Callable[[], None]:
    function = torch.compile(network, mode='reduce-overhead')

    def step():
        torch.compiler.cudagraph_mark_step_begin()
        with torch.inference_mode():
            function(pictures)

    return step


def training(batch: int, size: int, mixed: bool) -> dict[str, Callable[[], None]]:
    pictures = torch.rand(batch, 3, size, size, device='cuda').to(memory_format=torch.channels_last)

    def loss(network):
        with torch.autocast('cuda', enabled=mixed):
            return network(pictures).float().square().mean()

    return {name: training_step(network.to(memory_format=torch.channels_last), loss)
            for name, network in trunks(training=True).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', type=int, default=320, help='height and width in pixels (default: %(default)s)')
    parser.add_argument('--batches', type=int, nargs='+', default=[1, 64],
                        help='numbers of pictures in a forward pass (default: 1 64)')
    parser.add_argument('--train-batch', type=int, default=64,
                        help='number of pictures in a training step (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=50, help='number of timed rounds (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('benchmarks/results/gpu.json'),
                        help='JSON file to write (default: %(default)s)')
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    result = dict(describe_machine(), size=args.size, rounds=args.rounds, measures={})

    def measure(title: str, steps: dict) -> None:
        rows = timed(steps, args.rounds, 'cuda')
        result['measures'][title] = rows
        show(title, rows)
        write_json(args.out, result)  # after each measure, so that an aborted run keeps its results

    for batch, precision in itertools.product(args.batches, PRECISIONS):
        measure(f'forward, eager, {precision}, batch {batch}', inference(batch, args.size, precision))
    for mixed in (False, True):
        kind = 'mixed precision' if mixed else 'float32'
        measure(f'training step, {kind}, channels last, batch {args.train_batch}', training(args.train_batch, args.size, mixed))
    for precision in reversed(PRECISIONS):  # last, because compiling takes minutes
        measure(f'forward, torch.compile with CUDA graphs, {precision}, batch 1', inference(1, args.size, precision, compiled))
    print(f'\nwritten: {args.out}')


if __name__ == '__main__':
    main()
