#!/usr/bin/env python
"""Compare the time and peak memory of C1 on MUXNet-m and on MobileNetV2, both dilated to an output stride of 8.

Times are interleaved in one process. The peak memory is measured in a separate process for each network and task, and excludes
the libraries and the weights: resident memory (Linux), or on a GPU the memory that torch allocates.
"""
import multiprocessing
import re
from pathlib import Path

import torch
from interleaved import forward, parser, show, timed, training_step, write
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

CONFIGS = Path(__file__).resolve().parents[1] / 'configs/c1'
NETWORKS = {'MobileNetV2': 'c1_mobilenetv2-d8_4xb4-160k_ade20k-512x512.py',
            'MUXNet-m': 'c1_muxnet-m-d8_4xb4-160k_ade20k-512x512.py'}
TASKS = ('forward', 'training step')


def build(name: str, args) -> nn.Module:
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    init_default_scope('mmseg')
    return revert_sync_batchnorm(MODELS.build(Config.fromfile(CONFIGS / NETWORKS[name]).model)).to(args.device)


def make_step(task: str, network: nn.Module, args):
    """Return a function that runs the forward pass of a batch, or a training step on random labels."""
    pictures = torch.rand(args.batch if task == 'forward' else args.train_batch, 3, args.size, args.size, device=args.device)
    if task == 'forward':
        return forward(network, pictures)
    samples = []
    for _ in pictures:
        sample = SegDataSample(metainfo=dict(img_shape=(args.size, args.size)))
        labels = torch.randint(150, (1, args.size, args.size), device=args.device)
        samples.append(sample.set_data(dict(gt_sem_seg=PixelData(data=labels))) or sample)

    def loss(segmentor):
        losses = segmentor.loss(pictures, samples)
        return sum(value for key, value in losses.items() if 'loss' in key)

    return training_step(network, loss)


def peak(task: str, name: str, args, answer) -> None:
    step = make_step(task, build(name, args), args)
    before = memory('VmRSS', torch.cuda.memory_allocated, args.device)
    for _ in range(2):
        step()
    answer.put(memory('VmHWM', torch.cuda.max_memory_allocated, args.device) - before)


def memory(field: str, allocated, device: str) -> int:
    """Return a memory figure in MiB: a field of /proc/self/status on the CPU, or the result of `allocated` on a GPU.

    getrusage is not used, because a child process inherits the parent's larger peak there.
    """
    if device != 'cpu':
        return allocated() // 2**20
    return int(re.search(rf'{field}:\s+(\d+) kB', Path('/proc/self/status').read_text())[1]) // 2**10


def peak_mib(task: str, name: str, args) -> int:
    processes = multiprocessing.get_context('spawn')
    answer = processes.Queue()
    process = processes.Process(target=peak, args=(task, name, args, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f'{name} ended in the {task} with status {process.exitcode}: if memory ran out, give a smaller batch')
    return answer.get()


def main() -> None:
    args = parser(__doc__, 512, 4, 7, 'benchmarks/results/segmentors.json').parse_args()
    networks = {name: build(name, args) for name in NETWORKS}
    results = {}
    for task in TASKS:
        steps = {name: make_step(task, network, args) for name, network in networks.items()}
        results[task] = timed(steps, args.rounds, args.device)
    del networks
    for task, rows in results.items():
        for name in rows:
            rows[name]['peak_mib'] = peak_mib(task, name, args)
        show(task, rows)
    write(args, results)


if __name__ == '__main__':
    main()
