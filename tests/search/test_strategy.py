import itertools
import random

import numpy as np
import pytest
from facts import raises

from mmmux.search.algorithms import ALGORITHMS, Evolution
from mmmux.search.analytic import ANALYTIC_SPACE, analytic_errors
from mmmux.search.backbone_costs import SpaceComplexity
from mmmux.search.feasible import Feasible
from mmmux.search.front import Box, front
from mmmux.search.journal import Evaluation
from mmmux.search.settings import SearchSettings
from mmmux.search.space import SearchSpace
from mmmux.search.strategy import Strategy
from mmmux.utils.errors import ConfigError

OBJECTIVES = ('error', 'params', 'macs')
TINY = dict(stem_channels=[8], head_channels=[16, 24], stages=[
    dict(type='DS', out_channels=[8, 16]), dict(type='IR', stride=2, out_channels=[16, 24], mux=dict(blocks=[0, 1]))])
QUICK = dict(type='moead', generations=8, population=30)


@pytest.fixture(scope='module')
def space():
    return SearchSpace(ANALYTIC_SPACE)


@pytest.fixture(scope='module')
def costs(space):
    return SpaceComplexity(space, (64, 64))


def strategy_for(space, costs, objectives=OBJECTIVES, budgets=None, algorithm=None, surrogate=None, seed=0, starts=()):
    settings = SearchSettings(space, (64, 64), objectives=objectives, budgets=budgets or {}, strategy=algorithm or {},
                              surrogate=surrogate, seed=seed, starts=tuple(starts))
    return Strategy(settings, costs)


def evaluated(space, costs, genomes, generation, **fields):
    rows = np.array(genomes)
    columns = zip(genomes, analytic_errors(space, rows).tolist(), costs.params(rows).tolist(), costs.macs(rows).tolist())
    values = dict(status='done', latency=None, seconds=0., seed=0)
    return [Evaluation(**{**values, **dict(generation=generation, index=index, genome=genome, error=error, metric=1 - error,
                                           params=params, macs=macs), **fields})
            for index, (genome, error, params, macs) in enumerate(columns)]


def search(strategy, space, costs, batches):
    evaluations = []
    for generation, count in enumerate(batches):
        evaluations += evaluated(space, costs, strategy.propose(evaluations, generation, count), generation)
    return evaluations


@pytest.fixture(scope='module')
def first(space, costs):
    return search(strategy_for(space, costs), space, costs, [16])


def hypervolume(evaluations, box):
    return box.hypervolume(np.array([[evaluation.error, evaluation.params, evaluation.macs] for evaluation in evaluations]))


class TestProposals:

    @pytest.mark.slow
    def test_depend_on_seed_generation_and_results_alone(self, space, costs, first):
        def propose(seed=0, generation=1, evaluations=first):
            return strategy_for(space, costs, algorithm=QUICK, surrogate=dict(type='gp'), seed=seed).propose(
                evaluations, generation, 5)

        shuffled = random.Random(0).sample(first, len(first))
        assert propose() == propose() == propose(evaluations=shuffled)
        assert propose() != propose(seed=1) and propose() != propose(generation=2)
        assert propose() != propose(evaluations=first[1:])

    @pytest.mark.slow
    @pytest.mark.parametrize('algorithm', ALGORITHMS)
    @pytest.mark.parametrize('surrogate', [dict(type='gp'), dict(type='rbf'), None])
    def test_are_new_canonical_and_within_the_budgets(self, space, costs, algorithm, surrogate):
        some = space.sample(500, np.random.default_rng(0))
        budgets = dict(params=float(np.quantile(costs.params(some), 0.3)), macs=float(np.quantile(costs.macs(some), 0.3)))
        strategy = strategy_for(space, costs, OBJECTIVES, budgets, dict(QUICK, type=algorithm), surrogate)
        evaluations = search(strategy, space, costs, [10, 6, 6, 6])
        genomes = [evaluation.genome for evaluation in evaluations]
        assert len(genomes) == len(set(genomes)) == 28
        assert (space.canonical(np.array(genomes)) == np.array(genomes)).all()
        assert all(evaluation.params <= budgets['params'] and evaluation.macs <= budgets['macs'] for evaluation in evaluations)

    def test_never_repeat_or_learn_from_failures(self, space, costs, first):
        failed = [Evaluation(0, len(first) + index, tuple(genome), status, None, None, 1, 1, None, 0., 0) for index, (
            genome, status) in enumerate(zip(space.sample(30, np.random.default_rng(1)).tolist(), itertools.cycle(
                ['failed', 'nan', 'timeout'])))]
        strategy = strategy_for(space, costs, algorithm=QUICK, surrogate=dict(type='gp'))
        rows = space.sample(20, np.random.default_rng(2))
        assert (strategy.predictor([*first, *failed])(rows) == strategy.predictor(first)(rows)).all()
        wanted = strategy.propose(first, 1, 6)
        for genome in wanted[:3]:
            failed.append(Evaluation(0, 90, genome, 'failed', None, None, 1, 1, None, 0., 0))
        proposals = strategy.propose([*first, *failed], 1, 6)
        assert len(proposals) == 6 and not set(proposals) & {evaluation.genome for evaluation in failed}

    def test_are_random_while_there_is_too_little_to_learn_from(self, space, costs, first):
        failed = [Evaluation(0, index, evaluation.genome, 'failed', None, None, 1, 1, None, 0., 0)
                  for index, evaluation in enumerate(first)]
        proposals = strategy_for(space, costs, surrogate=dict(type='gp')).propose(failed, 1, 6)
        assert len(set(proposals)) == 6 and not set(proposals) & {evaluation.genome for evaluation in first}

    @pytest.mark.parametrize('algorithm', ALGORITHMS)
    @pytest.mark.parametrize('surrogate', [dict(type='gp'), None])
    def test_end_with_the_space(self, algorithm, surrogate):
        space = SearchSpace(TINY)
        costs = SpaceComplexity(space, (64, 64))
        strategy = strategy_for(space, costs, OBJECTIVES, {}, dict(type=algorithm, generations=1, population=10), surrogate)
        evaluations, generation = [], 0
        while proposals := strategy.propose(evaluations, generation, 5):
            evaluations += [Evaluation(generation, index, genome, 'done', sum(genome) / 9, 0., 1 + sum(genome), 1, None, 0., 0)
                            for index, genome in enumerate(proposals)]
            generation += 1
        assert len({evaluation.genome for evaluation in evaluations}) == len(evaluations) == space.size == 16

    def test_begin_with_the_starts(self, space, costs):
        starts = [tuple(genome) for genome in space.sample(3, np.random.default_rng(5)).tolist()]
        proposals = strategy_for(space, costs, starts=starts).propose([], 0, 10)
        assert proposals[:3] == starts and len(set(proposals)) == 10
        assert strategy_for(space, costs, starts=starts).propose([], 0, 2) == starts[:2]

    def test_begin_with_cheap_and_costly_networks(self, space, costs):
        """One of each tenth of the space by multiply-adds."""
        proposals = costs.macs(np.array(strategy_for(space, costs).propose([], 0, 10)))
        tenths = np.quantile(costs.macs(space.sample(5000, np.random.default_rng(9))), np.arange(1, 10) / 10)
        assert len(set(np.searchsorted(tenths, proposals))) >= 8


@pytest.mark.slow
@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_beats_random_search(space, costs, algorithm):
    strategy = strategy_for(space, costs, algorithm=dict(type=algorithm), surrogate=dict(type='gp'))
    ours = search(strategy, space, costs, [16, 8, 8, 8])
    drawn = [tuple(genome) for genome in space.sample(200, np.random.default_rng(0)).tolist()]
    others = evaluated(space, costs, drawn, 0)  # five times as many
    values = np.array([[evaluation.error, evaluation.params, evaluation.macs] for evaluation in [*ours, *others]])
    box = Box.around(OBJECTIVES, values)
    assert hypervolume(ours, box) > 1.05 * hypervolume(others, box)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_evolution_finds_a_known_front(space, algorithm):
    """Two numbers, each of genes of its own, and their opposites: the front is where the other genes are at their best."""
    top = np.array([len(gene) - 1 for gene in space.genes])

    def values(genomes):
        share = genomes / top
        return np.column_stack([share[:, 12:15].mean(1) + share[:, 15:].mean(1), 1 - share[:, 12:15].mean(1)])

    seen = Evolution(space, 2, dict(type=algorithm)).run(values, space.sample(50, np.random.default_rng(0)), 0)
    assert (space.canonical(seen) == seen).all()
    best = values(seen)[front(values(seen))]
    assert best.sum(1) == pytest.approx(1) and len(best) > 3


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_evolution_goes_on_where_every_genome_is_known(algorithm):
    space = SearchSpace(TINY)
    every = np.unique(space.sample(500, np.random.default_rng(0)), axis=0)
    assert len(Evolution(space, 2, dict(type=algorithm)).children(lambda rows: rows[:, :2] * 1., every, 0)) <= 100


def test_directions_are_spread_evenly(space):
    """Das and Dennis: all points of a grid of the simplex, C(partitions + objectives - 1, partitions)."""
    for objectives, expected in ((2, 100), (3, 91), (4, 84)):
        directions = Evolution(space, objectives, {}).directions
        assert len(np.unique(directions, axis=0)) == expected and directions.sum(1) == pytest.approx(1)


class TestFeasible:

    def test_finds_what_is_rare(self, family_space):
        """A budget that fewer than one in ten thousand random networks meets."""
        costs = SpaceComplexity(family_space, (64, 64))
        some = costs.macs(family_space.sample(20_000, np.random.default_rng(0)))
        feasible = Feasible(family_space, costs, dict(macs=0.9 * some.min()))
        found = feasible.sample(20, np.random.default_rng(1))
        assert len(np.unique(found, axis=0)) == 20 and (costs.macs(found) <= 0.9 * some.min()).all()

    def test_excess_is_a_share_of_each_budget(self, space, costs):
        genomes = space.sample(10, np.random.default_rng(0))
        params, macs = costs.params(genomes), costs.macs(genomes)
        assert Feasible(space, costs, {}).excess(genomes).tolist() == [0] * 10
        half = Feasible(space, costs, dict(params=params[0] / 2, macs=macs[0])).excess(genomes)
        assert half[0] == pytest.approx(1)
        assert half == pytest.approx(np.maximum(2 * params / params[0] - 1, 0) + np.maximum(macs / macs[0] - 1, 0))


class TestLatency:
    objectives = ('error', 'params', 'macs', 'latency')

    def evaluations(self, space, costs, genomes, generation):
        """Latency grows with multiply-adds and is halved by the last gene."""
        return [Evaluation(**{**vars(evaluation), 'latency': evaluation.macs / 1e7 / (1 + evaluation.genome[-1])})
                for evaluation in evaluated(space, costs, genomes, generation)]

    def test_is_predicted_and_above_zero(self, space, costs):
        genomes = [tuple(genome) for genome in space.sample(40, np.random.default_rng(0)).tolist()]
        strategy = strategy_for(space, costs, self.objectives, surrogate=dict(type='gp'))
        predictor = strategy.predictor(self.evaluations(space, costs, genomes, 0))
        others = [tuple(genome) for genome in space.sample(200, np.random.default_rng(1)).tolist()]
        latency = np.array([evaluation.latency for evaluation in self.evaluations(space, costs, others, 0)])
        predicted = predictor(np.array(others))[:, 3]
        assert (predicted > 0).all() and np.median(np.abs(predicted / latency - 1)) < 0.1

    @pytest.mark.slow
    def test_is_a_fourth_objective(self, space, costs):
        # With this objective, a search proposes more of the networks that are fast and have more parameters.
        asked, else_ = (np.mean([self.share_of_fast(space, costs, objectives, seed) for seed in (0, 1)])
                        for objectives in (self.objectives, self.objectives[:3]))
        assert asked > else_ + 0.2

    def share_of_fast(self, space, costs, objectives, seed):
        strategy = strategy_for(space, costs, objectives, algorithm=QUICK, surrogate=dict(type='gp'), seed=seed)
        evaluations = []
        for generation, count in enumerate([12, 6, 6]):
            evaluations += self.evaluations(space, costs, strategy.propose(evaluations, generation, count), generation)
        later = [evaluation.genome[-1] for evaluation in evaluations if evaluation.generation]
        assert len(later) == 12
        return np.mean(later)


@pytest.mark.parametrize('options,facts', [
    (dict(algorithm=dict(type='nsga2')), ['search.strategy.type', "'nsga2'", 'moead, nsga3']),
    (dict(algorithm=dict(type='nsga3', generation=5)), ['search.strategy', "'generation'", "'generations'"]),
    (dict(algorithm=dict(population='many')), ['search.strategy.population', 'from 2', "'many'"]),
    (dict(algorithm=dict(generations=0)), ['search.strategy.generations', 'from 1', 'got 0']),
    (dict(surrogate=dict(type='forest')), ['search.surrogate.type', "'forest'", 'gp, rbf, mlp']),
    (dict(surrogate=dict(type='gp', kernel=1)), ['search.surrogate', "'kernel'", 'type']),
    (dict(budgets=dict(macs=1e5), starts=[(0, ) * 18]), ['search.starts.0', 'macs', 'search.budgets', '100,000']),
])
def test_options_that_cannot_be_used(space, costs, options, facts):
    with raises(ConfigError, *facts):
        strategy_for(space, costs, **options)
