"""What the benchmarks share: timing several networks side by side in one process, and telling the results.

Each round times every network once, in turn, so that whatever else the machine does falls on all alike; the medians over the
rounds and their ratio to the first network are reported, with the spread between the quartiles.
"""
import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median, quantiles

import torch
from torch import Tensor, nn

from mmmux.utils.machine import describe_machine

WARM_UP = 2


def parser(description: str, size: int, train_batch: int, rounds: int, out: str) -> argparse.ArgumentParser:
    """The options of a benchmark."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--batch', type=int, default=1, help='pictures in a forward pass (default: %(default)s)')
    options.add_argument('--train-batch', type=int, default=train_batch, help='in a training step (default: %(default)s)')
    options.add_argument('--size', type=int, default=size, help='height and width in pixels (default: %(default)s)')
    options.add_argument('--rounds', type=int, default=rounds, help='timed rounds, after 2 that are not (default: %(default)s)')
    options.add_argument('--threads', type=int, default=2, help='CPU threads (default: %(default)s)')
    options.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='default: %(default)s')
    options.add_argument('--out', type=Path, default=Path(out), help='default: %(default)s')
    return options


def training_step(network: nn.Module, loss: Callable[[nn.Module], Tensor]) -> Callable[[], None]:
    """Forward, backward and one step of SGD."""
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)

    def step():
        network.train()
        optimizer.zero_grad(set_to_none=True)
        loss(network).backward()
        optimizer.step()

    return step


def forward(network: nn.Module, images: Tensor) -> Callable[[], None]:
    """The network in evaluation, without gradients."""

    def step():
        network.eval()
        with torch.inference_mode():
            network(images)

    return step


def timed(steps: Mapping[str, Callable[[], None]], rounds: int, device: str) -> dict:
    """For each step: median and quartiles in milliseconds, and the ratio of its median to the first one's."""
    return summarised(seconds_of(steps, rounds, device))


def seconds_of(steps: Mapping[str, Callable[[], None]], rounds: int, device: str) -> dict[str, list[float]]:
    """For each step, what it took in each round."""
    seconds = {name: [] for name in steps}
    for round_number in range(-WARM_UP, rounds):
        for name, step in steps.items():
            _synchronize(device)
            start = time.perf_counter()
            step()
            _synchronize(device)
            if round_number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def summarised(seconds: Mapping[str, list[float]]) -> dict:
    """As :func:`timed`, from what :func:`seconds_of` measured."""
    reference = median(next(iter(seconds.values())))
    rows = {}
    for name, times in seconds.items():
        low, _, high = quantiles(times, n=4, method='inclusive')
        rows[name] = dict(median_ms=round(median(times) * 1e3, 2), quartiles_ms=[round(low * 1e3, 2), round(high * 1e3, 2)],
                          ratio=round(median(times) / reference, 3))
    return rows


def _synchronize(device: str) -> None:
    if device != 'cpu':
        torch.cuda.synchronize()


def show(task: str, rows: Mapping) -> None:
    """Print a table."""
    print(f'\n{task}\n{"network":<16}{"median ms":>12}{"quartiles ms":>22}{"ratio":>8}')
    for name, row in rows.items():
        memory = f'{row["peak_mib"]:>10} MiB' if 'peak_mib' in row else ''
        print(f'{name:<16}{row["median_ms"]:>12}{row["quartiles_ms"]!s:>22}{row["ratio"]:>8}{memory}')


def write(args: argparse.Namespace, results: Mapping) -> None:
    """Write the results with the machine and the options they were measured on."""
    options = {name: getattr(args, name) for name in ('batch', 'train_batch', 'size', 'rounds', 'device')}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({**describe_machine(), **options, **results}, indent=2) + '\n')
    print(f'\nwritten: {args.out}')
