#!/usr/bin/env python
"""Time MUXNet-m beside MobileNetV2: forward pass and training step of the trunks, interleaved in one process.

Each round times every network once, in turn, so that whatever else the machine does falls on all alike; the medians over the
rounds and their ratio to the first network are reported, with the spread between the quartiles.
"""
import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import torch
from mmdet.models.backbones import MobileNetV2
from torch import nn

from mmmux.engine.machine import describe_machine
from mmmux.models import MUXNet

NETWORKS = {
    'MobileNetV2': lambda: MobileNetV2(out_indices=(4, 7)),
    'MUXNet-m': lambda: MUXNet('m', out_indices=(4, 7)),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch', type=int, default=1, help='pictures in a forward pass (default: %(default)s)')
    parser.add_argument('--train-batch', type=int, default=8, help='pictures in a training step (default: %(default)s)')
    parser.add_argument('--size', type=int, default=320, help='height and width in pixels (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=15, help='timed rounds, after 2 that are not (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='CPU threads (default: %(default)s)')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='default: %(default)s')
    parser.add_argument('--out', type=Path, default=Path('benchmarks/results/backbones.json'), help='default: %(default)s')
    return parser.parse_args()


def forward(network: nn.Module, images: torch.Tensor) -> Callable[[], None]:

    def step():
        network.eval()
        with torch.inference_mode():
            network(images)

    return step


def training_step(network: nn.Module, images: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)

    def step():
        network.train()
        optimizer.zero_grad(set_to_none=True)
        sum(feature.square().mean() for feature in network(images)).backward()
        optimizer.step()

    return step


def interleaved(steps: dict[str, Callable[[], None]], rounds: int, device: str) -> dict[str, list[float]]:
    """Seconds of each step in each round, after two rounds of warm-up."""
    seconds = {name: [] for name in steps}
    for round_number in range(-2, rounds):
        for name, step in steps.items():
            if device != 'cpu':
                torch.cuda.synchronize()
            start = time.perf_counter()
            step()
            if device != 'cpu':
                torch.cuda.synchronize()
            if round_number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def summary(seconds: dict[str, list[float]]) -> dict:
    reference = median(next(iter(seconds.values())))
    rows = {}
    for name, times in seconds.items():
        low, _, high = quantiles(times, n=4)
        rows[name] = dict(median_ms=round(median(times) * 1e3, 2), quartiles_ms=[round(low * 1e3, 2), round(high * 1e3, 2)],
                          ratio=round(median(times) / reference, 3))
    return rows


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    networks = {name: build().to(args.device) for name, build in NETWORKS.items()}
    for network in networks.values():
        network.init_weights()
    results = dict(describe_machine(), batch=args.batch, train_batch=args.train_batch, size=args.size, rounds=args.rounds)
    for task, make, batch in (('forward', forward, args.batch), ('training step', training_step, args.train_batch)):
        images = torch.rand(batch, 3, args.size, args.size, device=args.device)
        rows = summary(interleaved({name: make(net, images) for name, net in networks.items()}, args.rounds, args.device))
        results[task] = rows
        print(f'\n{task}, batch {batch}, {args.size} x {args.size}, {args.device}')
        print(f'{"network":<16}{"median ms":>12}{"quartiles ms":>20}{"ratio":>8}')
        for name, row in rows.items():
            print(f'{name:<16}{row["median_ms"]:>12}{row["quartiles_ms"]!s:>20}{row["ratio"]:>8}')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=2) + '\n')
    print(f'\nwritten: {args.out}')


if __name__ == '__main__':
    main()
