#!/usr/bin/env python
"""Compare the search with random search and with NSGA-II without a surrogate, at equal numbers of evaluations.

The error is the formula of mmmux/search/analytic.py, on a space small enough to find its true front by evaluating all networks.
The hypervolume is given as a share of the true front's. Its reference point lies beyond the worst values of the true front, by
a tenth of the front's range. The costs are scaled by their logarithm, as in the search, and linearly as a check.
"""
import argparse
import json
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from scipy.stats import mannwhitneyu, wilcoxon
from threadpoolctl import threadpool_limits

from mmmux.search.algorithms import GenomeProblem, genetic_operators
from mmmux.search.analytic import ANALYTIC_SPACE, analytic_errors, true_front
from mmmux.search.backbone_costs import SpaceComplexity
from mmmux.search.front import Box, cube_hypervolume
from mmmux.search.journal import Evaluation
from mmmux.search.settings import SearchSettings
from mmmux.search.space import SearchSpace
from mmmux.search.strategy import Strategy
from mmmux.search.surrogate import rank_correlation
from mmmux.utils.machine import describe_machine

OBJECTIVES = ('error', 'params', 'macs')
SIZE = (224, 224)
BEYOND = 0.1
SPACE = SearchSpace(ANALYTIC_SPACE)
COSTS = SpaceComplexity(SPACE, SIZE)
OURS, BASELINES = ('moead', 'nsga3'), ('random', 'nsga2')
TITLES = {
    'moead': 'MOEA/D (PBI) with a Gaussian process',
    'nsga3': 'NSGA-III with a Gaussian process',
    'rbf': 'MOEA/D (PBI) with an RBF ensemble',
    'mlp': 'MOEA/D (PBI) with an MLP ensemble',
    'nsga2': 'NSGA-II without a surrogate',
    'random': 'random search',
}


def costs(genomes: np.ndarray) -> np.ndarray:
    return np.column_stack([COSTS.params(genomes), COSTS.macs(genomes)])


def values_of(genomes: np.ndarray) -> np.ndarray:
    return np.column_stack([analytic_errors(SPACE, genomes), costs(genomes)])


class Hypervolume:
    """Compute the hypervolume of results as a share of the true front's, in logarithmic and in linear scaling.

    Args:
        truth: (n, 3), error, parameters and multiply-adds of the networks on the true front.
    """

    def __init__(self, truth: np.ndarray):
        self.box = Box.around(OBJECTIVES, truth)
        self.scales = {'hypervolume': self.box.normalise, 'hypervolume_even': lambda values: (
            values - truth.min(0)) / np.ptp(truth, axis=0)}
        self.whole = {name: cube_hypervolume(scale(truth) / (1 + BEYOND)) for name, scale in self.scales.items()}

    def curves(self, values: np.ndarray, after: range) -> dict[str, list[float]]:
        return {name: [round(cube_hypervolume(scale(values[:count]) / (1 + BEYOND)) / self.whole[name], 5) for count in after]
                for name, scale in self.scales.items()}


def search(args: argparse.Namespace, seed: int, algorithm: str, surrogate: str) -> tuple[np.ndarray, dict]:
    """Run the search; return the networks' objectives (n, 3) in the order of evaluation, and the predictions' correlations."""
    settings = SearchSettings(SPACE, SIZE, objectives=OBJECTIVES, strategy=dict(type=algorithm), surrogate=dict(type=surrogate),
                              seed=seed)
    strategy = Strategy(settings, COSTS)
    evaluations, correlations = [], []
    while len(evaluations) < args.evaluations:
        generation = evaluations[-1].generation + 1 if evaluations else 0
        wanted = min(args.batch if generation else args.initial, args.evaluations - len(evaluations))
        genomes = strategy.propose(evaluations, generation, wanted)
        values = values_of(np.array(genomes))
        if generation:
            predicted = strategy.predictor(evaluations)(np.array(genomes))[:, 0]
            correlations.append(rank_correlation(predicted, values[:, 0]))
        evaluations += [Evaluation(generation, index, genome, 'done', error, 1 - error, int(params), int(macs), None, 0., seed)
                        for index, (genome, (error, params, macs)) in enumerate(zip(genomes, values.tolist()))]
    spearman, kendall = np.nanmean(correlations, axis=0)
    return (np.array([[getattr(evaluation, name) for name in OBJECTIVES] for evaluation in evaluations], float),
            dict(spearman=round(float(spearman), 3), kendall=round(float(kendall), 3)))


def nsga2(args: argparse.Namespace, seed: int) -> tuple[np.ndarray, dict]:
    problem = GenomeProblem(SPACE, values_of, len(OBJECTIVES))
    algorithm = NSGA2(pop_size=args.population, sampling=drawn(args.population, seed), **genetic_operators(SPACE))
    algorithm.setup(problem, seed=seed, termination=('n_eval', args.evaluations))
    algorithm.run()
    return values_of(np.concatenate(problem.seen)[:args.evaluations]), {}


def random_search(args: argparse.Namespace, seed: int) -> tuple[np.ndarray, dict]:
    return values_of(drawn(args.evaluations, seed)), {}


def drawn(count: int, seed: int) -> np.ndarray:
    genomes = SPACE.sample(2 * count, np.random.default_rng(seed))
    return np.array(list(dict.fromkeys(map(tuple, genomes.tolist())))[:count])


METHODS: dict[str, Callable[[argparse.Namespace, int], tuple[np.ndarray, dict]]] = {
    'moead': lambda args, seed: search(args, seed, 'moead', 'gp'),
    'nsga3': lambda args, seed: search(args, seed, 'nsga3', 'gp'),
    'rbf': lambda args, seed: search(args, seed, 'moead', 'rbf'),
    'mlp': lambda args, seed: search(args, seed, 'moead', 'mlp'),
    'nsga2': nsga2,
    'random': random_search,
}


def runs(args: argparse.Namespace, measure: Hypervolume, after: range) -> Iterator[dict]:
    for method in args.methods:
        for seed in range(args.seeds):
            started = time.perf_counter()
            values, more = METHODS[method](args, seed)
            row = dict(method=method, seed=seed, **measure.curves(values, after), **more)
            print(f'{method:<8}seed {seed}: hypervolume {row["hypervolume"][-1]:.4f}, evenly scaled '
                  f'{row["hypervolume_even"][-1]:.4f}, {time.perf_counter() - started:.1f} s', flush=True)
            yield row


def compared(rows: list[dict]) -> list[dict]:
    """Compare each of our methods with each baseline by the final hypervolume.

    Both the Mann-Whitney and the Wilcoxon test are one-sided; Wilcoxon's pairs have equal seeds.
    """
    final = {method: [row['hypervolume'][-1] for row in rows if row['method'] == method] for method in METHODS}
    return [dict(method=ours, baseline=theirs, median=median(final[ours]), baseline_median=median(final[theirs]),
                 worst=min(final[ours]), baseline_best=max(final[theirs]),
                 mann_whitney_p=float(mannwhitneyu(final[ours], final[theirs], alternative='greater').pvalue),
                 wilcoxon_p=float(wilcoxon(final[ours], final[theirs], alternative='greater').pvalue))
            for ours in METHODS if ours not in BASELINES for theirs in BASELINES if final[ours] and final[theirs]]


def plot(rows: list[dict], after: range, out_file: Path) -> None:
    """Plot the median and the range over the seeds of each method's hypervolume against the number of evaluations."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(8, 4.8), layout='constrained')
    axes = figure.subplots()
    for method, title in TITLES.items():
        curves = np.array([row['hypervolume'] for row in rows if row['method'] == method])
        if len(curves):
            line, = axes.plot(after, np.median(curves, axis=0), label=title)
            axes.fill_between(after, curves.min(0), curves.max(0), color=line.get_color(), alpha=0.15, linewidth=0)
    axes.axhline(0.98, color='black', linestyle=':', linewidth=1, label='2 % below the true front')
    axes.set(xlabel='evaluations', ylabel="hypervolume, share of the true front's", xlim=(after[0], after[-1]),
             ylim=(0.3, 1.01))
    axes.grid(alpha=0.3)
    axes.legend(loc='lower right')
    figure.savefig(out_file, dpi=110)


def described() -> dict:
    machine = describe_machine()
    searching = {name: version(name) for name in ('pymoo', 'moocore', 'scikit-learn', 'scipy')}
    return dict(machine, versions={**machine['versions'], **searching}, threads=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=list(METHODS), help='methods to run (default: all)')
    parser.add_argument('--seeds', type=int, default=10, help='number of seeds of each method (default: %(default)s)')
    parser.add_argument('--evaluations', type=int, default=180, help='number of evaluations of a run (default: %(default)s)')
    parser.add_argument('--initial', type=int, default=20,
                        help='number of evaluations of the first generation (default: %(default)s)')
    parser.add_argument('--batch', type=int, default=8,
                        help='number of evaluations of each later generation (default: %(default)s)')
    parser.add_argument('--population', type=int, default=10,
                        help='size of the population of NSGA-II; 10 is the best of 10, 20, 36, 45 and 60 at 180 evaluations '
                        '(default: %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('benchmarks/results/search.json'),
                        help='JSON file to write (default: %(default)s)')
    parser.add_argument('--plot', type=Path, default=Path('docs/results/search-analytic.png'),
                        help='picture to write (default: %(default)s)')
    args = parser.parse_args()
    started = time.perf_counter()
    _, truth = true_front(SPACE, costs)
    print(f'{SPACE.size:,} networks, {len(truth)} on the true front, found in {time.perf_counter() - started:.1f} s')
    after = range(2, args.evaluations + 1, 2)
    with threadpool_limits(1):
        rows = list(runs(args, Hypervolume(truth), after))
    result = dict(described(), size=SIZE, networks=SPACE.size, true_front=len(truth), evaluations=args.evaluations,
                  initial=args.initial, batch=args.batch, population=args.population, seeds=args.seeds, after=list(after),
                  compared=compared(rows), runs=rows)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result) + '\n')
    plot(rows, after, args.plot)
    for row in result['compared']:
        print(f'{TITLES[row["method"]]}: median {row["median"]:.4f}, worst {row["worst"]:.4f}\n'
              f'  against {TITLES[row["baseline"]]}: median {row["baseline_median"]:.4f}, best {row["baseline_best"]:.4f}; '
              f'p = {row["mann_whitney_p"]:.1e} (Mann-Whitney), {row["wilcoxon_p"]:.1e} (Wilcoxon)')
    print(f'written: {args.out}, {args.plot}')


if __name__ == '__main__':
    main()
