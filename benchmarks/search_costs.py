#!/usr/bin/env python
"""Measure how many genomes per second the search counts by arithmetic on one core, compared with building each network."""
import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from mmengine.config import Config

from mmmux.analysis.complexity import count
from mmmux.models import MUXNet
from mmmux.search.backbone_costs import SpaceComplexity
from mmmux.search.space import SearchSpace
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--genomes', type=int, default=100_000, help='number of genomes in a call (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=7,
                        help='number of timed calls, of which the median is reported (default: %(default)s)')
    parser.add_argument('--built', type=int, default=10,
                        help='number of networks to build and count (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=ROOT / 'benchmarks/results/search_costs.json',
                        help='JSON file to write (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    space = SearchSpace(Config.fromfile(ROOT / 'configs/_base_/search_space.py').search.space)
    began = time.perf_counter()
    costs = SpaceComplexity(space, (224, 224))
    made = time.perf_counter() - began
    genomes = space.sample(args.genomes, np.random.default_rng(0))
    rates = []
    for _ in range(args.rounds):
        began = time.perf_counter()
        params, macs = costs.params(genomes), costs.macs(genomes)
        rates.append(len(genomes) / (time.perf_counter() - began))
    began = time.perf_counter()
    for row, genome in enumerate(genomes[:args.built]):
        total = count(MUXNet(space.decode(genome), out_indices=(7, )), 224, 224)['total']
        assert (total.params, total.macs) == (params[row], macs[row])
    built = args.built / (time.perf_counter() - began)
    result = dict(genomes=args.genomes, networks=space.size, tables_seconds=round(made, 3),
                  arithmetic_per_second=round(median(rates)), slowest_round_per_second=round(min(rates)),
                  built_per_second=round(built, 2), **describe_machine())
    write_json(args.out, result)
    print(f'{median(rates):,.0f} genomes a second by arithmetic, parameters and multiply-adds both; {built:.1f} by building')


if __name__ == '__main__':
    main()
