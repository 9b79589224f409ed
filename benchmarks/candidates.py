#!/usr/bin/env python
"""Train candidates for MUXNet-xs and -s briefly on CIFAR-10, and write accuracies, parameters and multiply-adds to a file.

Every candidate has the family's seven stages and kernels, and meets the budget of its size (1000 classes, 224 x 224 pixels).
The candidates differ in the stages that use spatial multiplexing, and in the layers that use the saved multiply-adds. Each
training runs in its own process.
"""
import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.config import DictAction

from mmmux.analysis.complexity import classifier_complexity
from mmmux.analysis.curves import read_curves
from mmmux.apis import train
from mmmux.config import load_config
from mmmux.models import DS, IR, MUX, Architecture
from mmmux.models.architectures import as_table
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

CONFIG = Path(__file__).resolve().parent.parent / 'configs/classification/muxnet-m_1xb128-25e_cifar10-folders-32.py'
KERNELS = (3, (3, 5, 7), (3, 5, 7, 9), 5, (3, 5, 7, 9, 11), 3)  # kernel sizes of the first block of stages 1 to 6
MUX_KERNELS = (3, 3, 5, 5, 5)
STRIDES = (2, 2, 2, 1, 2, 1)

COARSE_EARLY = {1: (-1, 0), 2: (-1, 0)}
FINE_LATE = {4: (0, 1), 5: (0, 1)}
EVERYWHERE = dict.fromkeys(range(1, 6), (-1, 0, 1))


def candidate(widths: Sequence[int], muxes: Sequence[int], expands: Sequence[int], mux_expands: Sequence[int], head: int,
              stem: int = 16, scales: Mapping[int, Sequence[int]] | None = None) -> Architecture:
    """Build the architecture of a candidate, with the family's kernels.

    Args:
        widths: output channels of stages 1 to 6.
        muxes: number of MUX blocks of stages 1 to 5.
        expands: expansion of the first block of stages 1 to 6.
        mux_expands: expansion of the MUX blocks of stages 1 to 5.
        head: channels of the head convolution.
        stem: channels of the stem and of stage 0. Default: 16.
        scales: scales of the spatial multiplexing in the MUX blocks, by stage. Default: none.
    """
    stages = [(DS(stem, act='ReLU'), )]
    for stage, (width, kernel, stride, expand) in enumerate(zip(widths, KERNELS, STRIDES, expands), 1):
        act = 'ReLU' if stage == 1 else 'Swish'
        rows = [IR(width, kernel, stride, expand, act=act)]
        if stage <= len(muxes):
            row = MUX(MUX_KERNELS[stage - 1], mux_expands[stage - 1], act=act, scales=(scales or {}).get(stage))
            rows += [row] * muxes[stage - 1]
        stages.append(tuple(rows))
    return Architecture(stages=tuple(stages), head_channels=head, stem_channels=stem)


CANDIDATES = {
    'xs-plain': candidate((16, 24, 48, 64, 88, 112), (1, 1, 2, 2, 3), (2, 3, 4, 4, 4, 4), (2, 4, 4, 4, 6), 1152),
    'xs-coarse-early': candidate((16, 24, 48, 64, 96, 120), (1, 1, 2, 2, 3), (2, 3, 4, 4, 3, 4), (2, 4, 4, 4, 6), 1152,
                                 scales=COARSE_EARLY),
    'xs-fine-late': candidate((16, 24, 48, 64, 96, 120), (1, 1, 2, 2, 3), (2, 3, 4, 4, 4, 4), (2, 4, 4, 4, 6), 1152,
                              scales=FINE_LATE),
    'xs-coarse-fine': candidate((16, 24, 48, 72, 96, 120), (1, 1, 2, 2, 3), (2, 3, 4, 4, 3, 4), (2, 4, 4, 4, 6), 1152,
                                scales={**COARSE_EARLY, **FINE_LATE}),
    'xs-everywhere': candidate((16, 24, 40, 56, 80, 104), (1, 1, 2, 2, 3), (3, 3, 3, 4, 4, 6), (3, 4, 6, 6, 6), 1152,
                               scales=EVERYWHERE),
    's-plain': candidate((16, 24, 56, 80, 112, 136), (1, 2, 3, 3, 3), (4, 4, 4, 6, 4, 4), (4, 6, 6, 6, 6), 1280),
    's-plain-even': candidate((16, 24, 64, 80, 120, 136), (2, 2, 2, 2, 3), (4, 4, 4, 6, 4, 4), (4, 6, 6, 6, 6), 1280),
    's-coarse-early': candidate((16, 24, 56, 80, 120, 144), (1, 2, 3, 3, 3), (4, 4, 4, 6, 4, 4), (4, 6, 6, 6, 6), 1280,
                                scales=COARSE_EARLY),
    's-fine-late': candidate((16, 24, 56, 80, 128, 144), (1, 2, 3, 3, 3), (4, 4, 4, 6, 4, 4), (4, 6, 6, 6, 6), 1280,
                             scales=FINE_LATE),
    's-coarse-fine': candidate((16, 24, 56, 88, 120, 152), (1, 2, 3, 3, 3), (4, 4, 4, 6, 4, 4), (4, 6, 6, 6, 6), 1280,
                               scales={**COARSE_EARLY, **FINE_LATE}),
    's-everywhere': candidate((16, 24, 48, 72, 112, 136), (1, 2, 3, 3, 3), (3, 4, 4, 6, 4, 6), (3, 4, 6, 6, 6), 1280, stem=24,
                              scales=EVERYWHERE),
}


def train_one(name: str, seed: int, work_dir: Path, options: Mapping) -> None:
    """Train one candidate in this process."""
    cfg = load_config(CONFIG, options, work_dir)
    arch = CANDIDATES[name]
    cfg.model.backbone.backbone.arch = as_table(arch)
    cfg.model.head.in_channels = arch.head_channels
    cfg.randomness.seed = seed
    train(cfg)


def describe(name: str, work_dirs: Sequence[Path]) -> dict:
    """Return a candidate's cost at 224 x 224 pixels with 1000 classes, and the final accuracy of each training in percent."""
    arch = CANDIDATES[name]
    total = classifier_complexity(arch)
    curves = [read_curves(work_dir).val['accuracy/top1'] for work_dir in work_dirs]
    return dict(params=total.params, macs=total.macs, epochs=curves[0][-1][0],
                top1=[round(points[-1][1], 2) for points in curves], arch=as_table(arch))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--names', nargs='+', choices=list(CANDIDATES), default=list(CANDIDATES), metavar='NAME',
                         help=f'candidates to train (default: all of {", ".join(CANDIDATES)})')
    options.add_argument('--seeds', nargs='+', type=int, default=[0], help='seeds, one for each training (default: 0)')
    options.add_argument('--jobs', type=int, default=1, help='number of trainings at a time (default: %(default)s)')
    options.add_argument('--work-dir', type=Path, default=Path('work_dirs/candidates'),
                         help='folder for the trainings (default: %(default)s)')
    options.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE',
                         help='change entries of the config, e.g. max_epochs')
    options.add_argument('--out', type=Path, default=Path('benchmarks/results/candidates.json'),
                         help='JSON file to write (default: %(default)s)')
    options.add_argument('--one', nargs=2, metavar=('NAME', 'SEED'), help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.one:
        return train_one(args.one[0], int(args.one[1]), args.work_dir, args.cfg_options)
    folders = {(name, seed): args.work_dir / f'{name}-{seed}' for seed in args.seeds for name in args.names}
    passed_on = sys.argv[sys.argv.index('--cfg-options'):] if '--cfg-options' in sys.argv else []

    def train(key):
        folders[key].mkdir(parents=True, exist_ok=True)
        with open(folders[key] / 'output.txt', 'w') as output:
            subprocess.run([sys.executable, __file__, *passed_on, '--one', key[0], str(key[1]), '--work-dir', folders[key]],
                           stdout=output, stderr=output, check=True)
        print(*key, 'done', flush=True)

    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(train, folders))
    rows = {name: describe(name, [folders[name, seed] for seed in args.seeds]) for name in args.names}
    write_json(args.out, dict(describe_machine(), seeds=args.seeds, candidates=rows))
    for name, row in rows.items():
        print(f'{name:<20}{row["params"]:>12,}{row["macs"]:>14,}  top-1 {row["top1"]}')


if __name__ == '__main__':
    main()
