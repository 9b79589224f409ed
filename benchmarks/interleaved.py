"""Time several networks in one process in alternation, and print and write the results; the benchmarks share this module.

Each round times every network once, in turn, so that other load on the machine affects all networks alike. The results are the
medians and quartiles over the rounds, and the ratio of each median to that of the first network.
"""
import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mmmux.deploy import timing
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine


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
                         help=f'number of timed rounds, after {timing.WARM_UP} rounds of warm-up (default: %(default)s)')
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


def timed(steps: Mapping[str, Callable[[], None]], rounds: int, device: str) -> dict[str, dict]:
    """Time steps in turn.

    Args:
        steps: the functions to time, by name.
        rounds: number of timed rounds, after :data:`mmmux.deploy.timing.WARM_UP` others.
        device: 'cpu', or a GPU, which is synchronised after each step.

    Returns:
        The rows of :func:`mmmux.deploy.timing.summarise`.
    """
    if device != 'cpu':
        steps = {name: _waited_for(step) for name, step in steps.items()}
    return timing.summarise(timing.timed(steps, rounds))


def _waited_for(step: Callable[[], None]) -> Callable[[], None]:
    """Return a function that runs a step and waits until the GPU has finished it."""

    def waiting():
        step()
        torch.cuda.synchronize()

    return waiting


def show(task: str, rows: Mapping) -> None:
    """Print a table of the result of :func:`timed`."""
    print(f'\n{task}\n{"network":<16}{"median ms":>12}{"quartiles ms":>22}{"ratio":>8}')
    for name, row in rows.items():
        memory = f'{row["peak_mib"]:>10} MiB' if 'peak_mib' in row else ''
        print(f'{name:<16}{row["median_ms"]:>12}{row["quartiles_ms"]!s:>22}{row["ratio"]:>8}{memory}')


def write(args: argparse.Namespace, results: Mapping) -> None:
    """Write the results to `args.out`, with the machine and the options of the benchmark."""
    options = {name: getattr(args, name) for name in ('batch', 'train_batch', 'size', 'rounds', 'device')}
    write_json(args.out, {**describe_machine(), **options, **results})
    print(f'\nwritten: {args.out}')
