"""Models that predict what only a training tells, the task error first of all, of networks that were not trained.

All are scikit-learn regressors behind one interface: `model.fit(X, y)`, then `model.predict(X)`.
"""
import warnings
from collections.abc import Callable

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.stats import kendalltau, spearmanr
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmmux.utils.errors import ConfigError

FEWEST = 4  # results that a surrogate can be fitted on
_MEMBERS = 8


class RadialBasis(RegressorMixin, BaseEstimator):
    """Interpolation by multiquadrics with a constant tail, slightly smoothed.

    Cubic ones, as MSuNAS has them (Lu, Deb, Goodman, Banzhaf, Boddeti, "NSGANetV2", ECCV 2020), need a linear tail, and that
    more results than there are features, which a search only has late.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> 'RadialBasis':
        """Learn from features (N, F), scaled to variance 1, and targets (N,)."""
        rows, where = np.unique(X, axis=0, return_inverse=True)  # a bootstrap repeats rows, which have no interpolation
        means = np.bincount(where, weights=y) / np.bincount(where)
        width = np.sqrt(X.shape[1])
        self.interpolator_ = RBFInterpolator(rows, means, kernel='multiquadric', epsilon=1 / width, degree=0, smoothing=1e-2)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Features (N, F) -> targets (N,)."""
        return self.interpolator_(X)


def gaussian_process(seed: int) -> BaseEstimator:
    """Matern covariance with white noise, since two trainings of one network differ."""
    # Lengths far below the distance of two networks would explain every result as its own.
    kernel = ConstantKernel(1, (1e-2, 1e3)) * Matern(10, (2, 200), nu=2.5) + WhiteKernel(1e-2, (1e-8, 1))
    return GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=seed)


def rbf_ensemble(seed: int) -> BaseEstimator:
    """The mean of radial basis functions on bootstraps."""
    return _standardised(BaggingRegressor(RadialBasis(), _MEMBERS, random_state=seed))


def mlp_ensemble(seed: int) -> BaseEstimator:
    """The mean of small multilayer perceptrons on bootstraps."""
    network = MLPRegressor(hidden_layer_sizes=(32, 32), solver='lbfgs', alpha=0.1, max_iter=200)
    return _standardised(BaggingRegressor(network, _MEMBERS, random_state=seed))


def _standardised(model: BaseEstimator) -> BaseEstimator:
    return TransformedTargetRegressor(model, transformer=StandardScaler())


SURROGATES: dict[str, Callable[[int], BaseEstimator]] = {'gp': gaussian_process, 'rbf': rbf_ensemble, 'mlp': mlp_ensemble}


def make_surrogate(kind: str, seed: int) -> BaseEstimator:
    """An unfitted surrogate that scales its features itself.

    Args:
        kind: 'gp', 'rbf' or 'mlp'.
        seed: of whatever is random in its fit.

    Raises:
        ConfigError: the kind is not known.
    """
    if kind not in SURROGATES:
        raise ConfigError(f"search.surrogate.type '{kind}' is not known: choose from {', '.join(SURROGATES)}")
    return make_pipeline(StandardScaler(), SURROGATES[kind](seed))


def fitted(model: BaseEstimator, X: np.ndarray, y: np.ndarray) -> BaseEstimator:
    """The model after `fit`, which says nothing of parameters at their bounds: at the 60th fit nobody reads that."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)
        return model.fit(X, y)


def rank_correlation(predicted: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Spearman's rho and Kendall's tau of predictions (N,) and what came of them; NaN where there is no order to compare."""
    if len(true) < 2 or np.ptp(predicted) == 0 or np.ptp(true) == 0:
        return float('nan'), float('nan')
    return float(spearmanr(predicted, true).statistic), float(kendalltau(predicted, true).statistic)
