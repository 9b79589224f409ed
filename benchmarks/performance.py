#!/usr/bin/env python
"""Compare the times of MUXNet-m's exact form, of the authors' graph and of MobileNetV2, and of training steps, in one run.

Backbones ("trunks") go up to the last block. Detectors are the SSDLite configs for VOC, from images to raw scores and box
offsets. The graph "as released" is the network without the exact form, with its two-channel groups as one grouped convolution.
"Tuned" is the exact form with the fastest form of each stage, which is measured first. Weights are random, because they do not
affect the time.

Within a measure, every round times every network once, in turn. The script passes through all measures several times, because
slow phases of a shared machine last longer than the rounds of a measure. A ratio is the median over all rounds of the ratio
within a round, because the times of a round share the load of the machine. Training runs in its own process.
"""
import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import MethodType

import torch
from interleaved import forward, show, training_step
from mmdet.models.backbones import MobileNetV2
from torch import nn

from mmmux.deploy import benchmark, exact_form
from mmmux.deploy.runtimes import FileContent, runtime_of
from mmmux.deploy.timing import median_ratio, summarise, timed
from mmmux.deploy.tune import fastest_forms
from mmmux.models import MUXNet
from mmmux.models.layers.pair_conv import PairConv
from mmmux.tasks import task_of
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

SIZE = 320
CONFIGS = Path(__file__).resolve().parent.parent / 'configs/ssdlite'
RELEASED, EXACT, TUNED = 'MUXNet-m as released', 'MUXNet-m, exact form', 'MUXNet-m, exact form, tuned'
MUXNET, MOBILENET, LAST = 'MUXNet-m', 'MobileNetV2', ', channels last'
TRAINING = 'training step of the trunk, batch 8'


def muxnet() -> MUXNet:
    return MUXNet('m', out_indices=(6, ))


def mobilenet() -> MobileNetV2:
    return MobileNetV2(out_indices=(6, ))


def as_released(network: nn.Module) -> nn.Module:
    """Make each two-channel group convolution run as torch's grouped convolution."""
    for module in network.modules():
        if isinstance(module, PairConv):
            module.forward = MethodType(nn.Conv2d.forward, module)
    return network


def trunks(runtime: str, threads: int) -> dict[str, nn.Module]:
    """Build the backbones of a measure, in the forms that a runtime supports."""
    released, network, other = as_released(muxnet()), muxnet(), mobilenet()
    for each in (released, network, other):
        each.eval()
    form = runtime_of(runtime).FORM
    forms = fastest_forms(network, SIZE, SIZE, runtime, form, threads)
    rows = {RELEASED: released, EXACT: exact_form(network, form), TUNED: exact_form(network, forms),
            MOBILENET: exact_form(other)}
    return {name: benchmark.Features(row).eval() for name, row in rows.items()}


def detectors(runtime: str, threads: int) -> dict[str, nn.Module]:
    work = benchmark.Workload(1, SIZE, SIZE, backbone_only=False, threads=threads)
    rows = {MOBILENET: ('mobilenetv2', 'exact'), EXACT: ('muxnet-m', 'exact'), TUNED: ('muxnet-m', 'tuned'),
            RELEASED: ('muxnet-m', 'plain')}
    return {name: benchmark.network_of(
        benchmark.Entry(str(CONFIGS / f'ssdlite_{network}_1xb32-200e_voc0712-320.py'), runtime, form), work, task_of)
        for name, (network, form) in rows.items()}


def in_runtime(name: str, networks: Mapping[str, nn.Module], folder: Path, threads: int) -> dict[str, Callable[[], None]]:
    """Export networks to a runtime and load them; return a function for each that runs one image."""
    runtime, pictures = runtime_of(name), torch.rand(1, 3, SIZE, SIZE)
    folder, steps = Path(tempfile.mkdtemp(dir=folder)), {}
    for number, (row, network) in enumerate(networks.items()):
        path = folder / f'{number}{runtime.SUFFIX}'
        runtime.write(FileContent(network, pictures), path)
        steps[row] = partial(runtime.load(path, threads, 'cpu'), pictures.numpy())
    return steps


def eager(threads: int) -> dict[str, Callable[[], None]]:
    pictures = torch.rand(1, 3, SIZE, SIZE)
    return {name: forward(network, pictures) for name, network in trunks('torchscript', threads).items()}


def training(rounds: int, threads: int) -> dict[str, list[float]]:
    """Time training steps; return the seconds of each round, by network."""
    torch.set_num_threads(threads)
    pictures = torch.rand(8, 3, SIZE, SIZE)
    networks = {MOBILENET: mobilenet(), MUXNET: muxnet(), RELEASED: as_released(muxnet()), MOBILENET + LAST: mobilenet(),
                MUXNET + LAST: muxnet()}
    for name, network in networks.items():
        if name.endswith(LAST):
            network.to(memory_format=torch.channels_last)

    def loss(network):
        return sum(feature.square().mean() for feature in network(pictures))

    return timed({name: training_step(network, loss) for name, network in networks.items()}, rounds)


def in_a_process(function: Callable, *args):
    with ProcessPoolExecutor(1, get_context('spawn')) as processes:
        return processes.submit(function, *args).result()


def measures(folder: Path, threads: int) -> dict:
    """Return the measures by title.

    Each is a tuple: the function that builds its steps (None for training), the row to judge, the row it is compared with, the
    required ratio and the target ratio.
    """
    trunk_in, detector_in = (partial(_in_runtime_of, make, folder, threads) for make in (trunks, detectors))
    return {
        'trunk, ONNX Runtime': (partial(trunk_in, 'onnx'), EXACT, RELEASED, 0.5, 0.33),
        'trunk, OpenVINO': (partial(trunk_in, 'openvino'), EXACT, RELEASED, 0.5, 0.36),
        'SSDLite, ONNX Runtime': (partial(detector_in, 'onnx'), EXACT, MOBILENET, 1.3, 0.78),
        'SSDLite, OpenVINO': (partial(detector_in, 'openvino'), EXACT, MOBILENET, 1.3, 0.78),
        'trunk, PyTorch eager': (partial(eager, threads), EXACT, RELEASED, 0.6, 0.45),
        TRAINING: (None, MUXNET, MOBILENET, 1.0, 0.8),
    }


def _in_runtime_of(make: Callable[[str, int], dict], folder: Path, threads: int, runtime: str) -> dict:
    return in_runtime(runtime, make(runtime, threads), folder, threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--passes', type=int, default=5, help='number of passes through all measures (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=30,
                        help='number of timed rounds of a forward pass in each pass (default: %(default)s)')
    parser.add_argument('--train-rounds', type=int, default=3,
                        help='number of timed rounds of a training step in each pass (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='number of CPU threads (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('benchmarks/results/performance.json'),
                        help='JSON file to write (default: %(default)s)')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    result = dict(describe_machine(), size=SIZE, threads=args.threads, measures={})
    with tempfile.TemporaryDirectory() as folder:
        known = measures(Path(folder), args.threads)
        print('preparing and tuning the networks, which takes some minutes', flush=True)
        steps = {title: make() for title, (make, *_) in known.items() if make}
        seconds = {title: defaultdict(list) for title in known}
        for number in range(args.passes):
            for title in known:
                print(f'pass {number + 1} of {args.passes}: {title}', flush=True)
                found = (timed(steps[title], args.rounds) if title in steps
                         else in_a_process(training, args.train_rounds, args.threads))
                for name, times in found.items():
                    seconds[title][name] += times
    for title, (_, counts, reference, needed, goal) in known.items():
        rows = summarise(seconds[title])
        ratios = {name: round(median_ratio(times, seconds[title][reference]), 3) for name, times in seconds[title].items()}
        result['measures'][title] = dict(rows=rows, rounds=len(seconds[title][counts]), counts=counts, reference=reference,
                                         ratio=ratios[counts], tuned=ratios.get(TUNED), needed=needed, goal=goal)
        show(title, rows)
    write_json(args.out, result)
    print(f'\nwritten: {args.out}')


if __name__ == '__main__':
    main()
