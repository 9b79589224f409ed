"""Predict the values that only an evaluation measures, such as the task error, for networks that were not evaluated.

All models are scikit-learn regressors: `model.fit(X, y)`, then `model.predict(X)`.
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

FEWEST = 4  # smallest number of results on which a surrogate can be fitted
_MEMBERS = 8


class RadialBasis(RegressorMixin, BaseEstimator):
    """Interpolate with multiquadrics and a constant tail, slightly smoothed.

    The cubic functions of MSuNAS (Lu, Deb, Goodman, Banzhaf, Boddeti, "NSGANetV2", ECCV 2020) need a linear tail. A linear tail
    needs more results than features, which a search has only late.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> 'RadialBasis':
        """Fit the interpolation.

        Args:
            X (ndarray): Features (N, F), scaled to variance 1.
            y (ndarray): Targets (N, ).

        Returns:
            RadialBasis: This object.
        """
        rows, where = np.unique(X, axis=0, return_inverse=True)  # a bootstrap repeats rows; interpolation needs distinct ones
        means = np.bincount(where, weights=y) / np.bincount(where)
        width = np.sqrt(X.shape[1])
        self.interpolator_ = RBFInterpolator(rows, means, kernel='multiquadric', epsilon=1 / width, degree=0, smoothing=1e-2)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Evaluate the interpolation.

        Args:
            X (ndarray): Features (N, F), scaled to variance 1.

        Returns:
            ndarray: Targets (N, ).
        """
        return self.interpolator_(X)


def gaussian_process(seed: int) -> BaseEstimator:
    """Make a Gaussian process with Matérn covariance and white noise.

    The noise is the difference between two trainings of one network.

    Args:
        seed (int): Seed of the fit.

    Returns:
        BaseEstimator: Unfitted regressor.
    """
    # With a length scale far below the distance between networks, results would not depend on each other.
    kernel = ConstantKernel(1, (1e-2, 1e3)) * Matern(10, (2, 200), nu=2.5) + WhiteKernel(1e-2, (1e-8, 1))
    return GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=seed)


def rbf_ensemble(seed: int) -> BaseEstimator:
    """Make an ensemble that averages radial basis functions fitted on bootstraps.

    Args:
        seed (int): Seed of the bootstraps.

    Returns:
        BaseEstimator: Unfitted regressor.
    """
    return _standardised(BaggingRegressor(RadialBasis(), _MEMBERS, random_state=seed))


def mlp_ensemble(seed: int) -> BaseEstimator:
    """Make an ensemble that averages small multilayer perceptrons fitted on bootstraps.

    Args:
        seed (int): Seed of the bootstraps and of the weights.

    Returns:
        BaseEstimator: Unfitted regressor.
    """
    network = MLPRegressor(hidden_layer_sizes=(32, 32), solver='lbfgs', alpha=0.1, max_iter=200)
    return _standardised(BaggingRegressor(network, _MEMBERS, random_state=seed))


def _standardised(model: BaseEstimator) -> BaseEstimator:
    return TransformedTargetRegressor(model, transformer=StandardScaler())


SURROGATES: dict[str, Callable[[int], BaseEstimator]] = {'gp': gaussian_process, 'rbf': rbf_ensemble, 'mlp': mlp_ensemble}


def make_surrogate(kind: str, seed: int) -> BaseEstimator:
    """Make an unfitted surrogate that scales its features.

    Args:
        kind (str): 'gp', 'rbf' or 'mlp'.
        seed (int): Seed of the fit.

    Returns:
        BaseEstimator: Unfitted pipeline of a scaler and a regressor.

    Raises:
        ConfigError: The kind is unknown.
    """
    if kind not in SURROGATES:
        raise ConfigError(f"search.surrogate.type '{kind}' is not known: choose from {', '.join(SURROGATES)}")
    return make_pipeline(StandardScaler(), SURROGATES[kind](seed))


def fitted(model: BaseEstimator, X: np.ndarray, y: np.ndarray) -> BaseEstimator:
    """Fit a model without ConvergenceWarnings, such as those about kernel parameters at their bounds.

    A search fits its surrogates in every generation, and nobody would read the warnings.

    Args:
        model (BaseEstimator): Model to fit.
        X (ndarray): Features (N, F).
        y (ndarray): Targets (N, ).

    Returns:
        BaseEstimator: The fitted model.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)
        return model.fit(X, y)


def rank_correlation(predicted: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Compute Spearman's rho and Kendall's tau between predictions and results.

    Args:
        predicted (ndarray): (N, ).
        true (ndarray): (N, ).

    Returns:
        tuple[float, float]: Rho and tau; both NaN with fewer than two results, or if all predictions or all results are equal.
    """
    if len(true) < 2 or np.ptp(predicted) == 0 or np.ptp(true) == 0:
        return float('nan'), float('nan')
    return float(spearmanr(predicted, true).statistic), float(kendalltau(predicted, true).statistic)
