"""Values of every objective of genomes that were not evaluated: exact where they can be counted, predicted where not."""
from collections.abc import Mapping, Sequence

import numpy as np

from .feasible import Costs
from .journal import Evaluation
from .space import SearchSpace
from .surrogate import fitted, make_surrogate

# What is known only after an evaluation, and how it is predicted: latency by its logarithm, so that it stays above 0.
MEASURED: dict[str, tuple[np.ufunc, np.ufunc]] = {'error': (np.positive, np.positive), 'latency': (np.log, np.exp)}


def measured(evaluations: Sequence[Evaluation], objectives: Sequence[str]) -> np.ndarray:
    """The values (N, objectives) of good results."""
    values = [[getattr(evaluation, name) for name in objectives] for evaluation in evaluations]
    return np.array(values, float).reshape(-1, len(objectives))


def features(space: SearchSpace, costs: Costs, genomes: np.ndarray) -> np.ndarray:
    """What a surrogate sees of genomes (N, genes): (N, genes + 2), each gene from 0 to 1 and the logarithms of the costs."""
    scaled = genomes / np.array([len(gene) - 1 for gene in space.genes])
    return np.column_stack([scaled, np.log(costs.params(genomes)), np.log(costs.macs(genomes))])


class Predictor:
    """A surrogate of each measured objective, fitted on good results, beside the exact costs.

    Args:
        space: of the genomes.
        costs: of its genomes.
        objectives: names.
        surrogate: `type` of the config.
        seed: of the fits.
        good: evaluations that are done.
    """

    def __init__(self, space: SearchSpace, costs: Costs, objectives: Sequence[str], surrogate: Mapping, seed: int,
                 good: Sequence[Evaluation]):
        self.space = space
        self.costs = costs
        self.objectives = objectives
        known = features(space, costs, np.array([evaluation.genome for evaluation in good]))
        self.models = {name: fitted(make_surrogate(surrogate['type'], seed), known, forward(measured(good, [name])[:, 0]))
                       for name, (forward, _) in MEASURED.items() if name in objectives}

    def __call__(self, genomes: np.ndarray) -> np.ndarray:
        """Genomes (N, genes) -> values (N, objectives)."""
        seen = features(self.space, self.costs, genomes)
        predicted = {name: MEASURED[name][1](model.predict(seen)) for name, model in self.models.items()}
        return np.column_stack([predicted[name] if name in predicted else getattr(self.costs, name)(genomes)
                                for name in self.objectives])
