"""Time several networks in one process in alternation, and print and write the results; the benchmarks share this module.

Each round times every network once, in turn, so that other load on the machine affects all networks alike. The results are the
medians and quartiles over the rounds, and the ratio of each median to that of the first network.
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
    """Return a parser with the options that the benchmarks share.

    Args:
        description: text of the help.
        size: default height and width of the images in pixels.
        train_batch: default number of images in a training step.
        rounds: default number of timed rounds.
        out: default result file.
    """
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--batch', type=int, default=1, help='number of pictures in a forward pass (default: %(default)s)')
    options.add_argument('--train-batch', type=int, default=train_batch,
                         help='number of pictures in a training step (default: %(default)s)')
    options.add_argument('--size', type=int, default=size, help='height and width in pixels (default: %(default)s)')
    options.add_argument('--rounds', type=int, default=rounds,
                         help='number of timed rounds, after 2 rounds of warm-up (default: %(default)s)')
    options.add_argument('--threads', type=int, default=2, help='number of CPU threads (default: %(default)s)')
    options.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu',
                         help='torch device (default: %(default)s)')
    options.add_argument('--out', type=Path, default=Path(out), help='JSON file to write (default: %(default)s)')
    return options


def training_step(network: nn.Module, loss: Callable[[nn.Module], Tensor]) -> Callable[[], None]:
    """Return a function that runs the forward pass, the backward pass and one step of SGD."""
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)

    def step():
        network.train()
        optimizer.zero_grad(set_to_none=True)
        loss(network).backward()
        optimizer.step()

    return step


def forward(network: nn.Module, images: Tensor) -> Callable[[], None]:
    """Return a function that runs the network in evaluation mode without gradients."""

    def step():
        network.eval()
        with torch.inference_mode():
            network(images)

    return step


def timed(steps: Mapping[str, Callable[[], None]], rounds: int, device: str) -> dict:
    """Time steps in alternation.

    Args:
        steps: the functions to time, by name.
        rounds: number of timed rounds, after two rounds of warm-up.
        device: 'cpu', or a GPU, which is synchronised before and after each step.

    Returns:
        For each step `median_ms`, `quartiles_ms` and `ratio`, its median divided by that of the first step.
    """
    return summarised(seconds_of(steps, rounds, device))


def seconds_of(steps: Mapping[str, Callable[[], None]], rounds: int, device: str) -> dict[str, list[float]]:
    """Time steps in alternation; return the seconds of each round, by step. See :func:`timed`."""
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
    """Summarise the result of :func:`seconds_of` in the form of :func:`timed`."""
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
    """Print a table of the result of :func:`timed`."""
    print(f'\n{task}\n{"network":<16}{"median ms":>12}{"quartiles ms":>22}{"ratio":>8}')
    for name, row in rows.items():
        memory = f'{row["peak_mib"]:>10} MiB' if 'peak_mib' in row else ''
        print(f'{name:<16}{row["median_ms"]:>12}{row["quartiles_ms"]!s:>22}{row["ratio"]:>8}{memory}')


def write(args: argparse.Namespace, results: Mapping) -> None:
    """Write the results to `args.out`, with the machine and the options of the benchmark."""
    options = {name: getattr(args, name) for name in ('batch', 'train_batch', 'size', 'rounds', 'device')}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({**describe_machine(), **options, **results}, indent=2) + '\n')
    print(f'\nwritten: {args.out}')
