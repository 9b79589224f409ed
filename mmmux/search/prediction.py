"""Predict the objectives of genomes that were not evaluated; parameters and multiply-adds are computed exactly."""
from collections.abc import Sequence

import numpy as np

from .feasible import Costs
from .journal import Evaluation
from .settings import SearchSettings
from .space import SearchSpace
from .surrogate import fitted, make_surrogate

# Objectives that need an evaluation, each with the function that transforms its values for the surrogate and the inverse.
# The surrogate predicts the logarithm of the latency, so that predicted latencies are positive.
MEASURED: dict[str, tuple[np.ufunc, np.ufunc]] = {'error': (np.positive, np.positive), 'latency': (np.log, np.exp)}


def measured(evaluations: Sequence[Evaluation], objectives: Sequence[str]) -> np.ndarray:
    """Collect the objective values of results.

    Args:
        evaluations (Sequence[Evaluation]): Evaluations that have a result.
        objectives (Sequence[str]): Names of the objectives.

    Returns:
        ndarray: (N, objectives).
    """
    values = [[getattr(evaluation, name) for name in objectives] for evaluation in evaluations]
    return np.array(values, float).reshape(-1, len(objectives))


def features(space: SearchSpace, costs: Costs, genomes: np.ndarray) -> np.ndarray:
    """Compute the features that a surrogate reads.

    Args:
        space (SearchSpace): Space of the genomes.
        costs (Costs): Costs of the space's genomes.
        genomes (ndarray): Canonical genomes (N, genes).

    Returns:
        ndarray: (N, genes + 2): each gene scaled to 0 to 1, then the logarithms of parameters and multiply-adds.
    """
    scaled = genomes / np.array([len(gene) - 1 for gene in space.genes])
    return np.column_stack([scaled, np.log(costs.params(genomes)), np.log(costs.macs(genomes))])


class Predictor:
    """Predict all objectives: measured ones by surrogates fitted on results, the others exactly.

    Args:
        settings (SearchSettings): Settings of the search, with a surrogate; `space`, `objectives`, `surrogate` and `seed`
            apply.
        costs (Costs): Costs of the space's genomes.
        good (Sequence[Evaluation]): Evaluations that have a result.
    """

    def __init__(self, settings: SearchSettings, costs: Costs, good: Sequence[Evaluation]):
        self.space = settings.space
        self.costs = costs
        self.objectives = settings.objectives
        known = features(self.space, costs, np.array([evaluation.genome for evaluation in good]))
        self.models = {name: fitted(make_surrogate(settings.surrogate['type'], settings.seed), known,
                                    forward(measured(good, [name])[:, 0]))
                       for name, (forward, _) in MEASURED.items() if name in self.objectives}

    def __call__(self, genomes: np.ndarray) -> np.ndarray:
        """Predict the objectives of genomes.

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, objectives).
        """
        seen = features(self.space, self.costs, genomes)
        predicted = {name: MEASURED[name][1](model.predict(seen)) for name, model in self.models.items()}
        return np.column_stack([predicted[name] if name in predicted else getattr(self.costs, name)(genomes)
                                for name in self.objectives])
