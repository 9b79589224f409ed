import warnings

import numpy as np
import pytest
from facts import raises
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from mmmux.search.surrogate import SURROGATES, fitted, make_surrogate, rank_correlation
from mmmux.utils.errors import ConfigError


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1):  # as in the search: of matrices this small, two take longer
        yield


def data(count, seed, noise=0.):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, (count, 8)) / 3
    y = X @ np.arange(8) / 28 - 0.3 * X[:, 6] * X[:, 7] + 0.1 * X[:, 0]**2
    return X, 0.3 - 0.1 * y + noise * rng.standard_normal(count)


@pytest.mark.parametrize('kind', SURROGATES)
class TestEverySurrogate:

    @pytest.mark.parametrize('noise,least', [(0, 0.9), (0.01, 0.75)])
    def test_ranks_what_it_has_not_seen(self, kind, noise, least):
        model = fitted(make_surrogate(kind, 0), *data(60, 0, noise))
        X, y = data(300, 1)
        assert rank_correlation(model.predict(X), y)[0] > least

    def test_predicts_values_and_not_only_ranks(self, kind):
        model = fitted(make_surrogate(kind, 0), *data(80, 0))
        X, y = data(300, 1)
        assert np.sqrt(np.mean((model.predict(X) - y)**2)) < 0.5 * y.std()

    def test_is_the_same_for_a_seed(self, kind):
        X, y = data(20, 0)
        first, second = (fitted(make_surrogate(kind, 3), X, y).predict(X) for _ in range(2))
        assert (first == second).all()

    def test_does_not_mind_the_scale_of_features(self, kind):
        X, y = data(30, 0)
        scale = 10.**np.arange(8)
        plain, scaled = (fitted(make_surrogate(kind, 0), rows, y).predict(rows) for rows in (X, X * scale))
        assert scaled == pytest.approx(plain, abs=0.02 * np.ptp(y))

    def test_takes_few_equal_and_constant_results(self, kind):
        X = np.array([[0, 1.], [0, 1], [1, 1], [0, 0]])  # the first two are one network, evaluated twice
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', RuntimeWarning)
            for y in ([0.1, 0.3, 0.2, 0.4], [0.2] * 4):
                assert np.isfinite(fitted(make_surrogate(kind, 0), X, np.array(y)).predict(X)).all()

    def test_issues_no_warning_about_bounds(self, kind):
        with warnings.catch_warnings():
            warnings.simplefilter('error', ConvergenceWarning)
            fitted(make_surrogate(kind, 0), *data(20, 0))


def test_noise_is_not_interpolated():
    """Two results of one network: the prediction is between them."""
    X, y = data(40, 0)
    model = fitted(make_surrogate('gp', 0), np.vstack([X, X]), np.concatenate([y + 0.005, y - 0.005]))
    assert np.abs(model.predict(X) - y).mean() < 0.0025


def test_rank_correlation():
    """Five ranks with two neighbours swapped: 1 - 6 * 2 / (5 * 24), and 9 of 10 pairs in order."""
    spearman, kendall = rank_correlation(np.array([1, 2, 3, 4, 5]), np.array([0.1, 0.3, 0.2, 0.4, 0.5]))
    assert spearman == pytest.approx(0.9) and kendall == pytest.approx((9 - 1) / 10)
    assert rank_correlation(np.array([1, 2, 3]), np.array([3, 2, 1])) == (-1, -1)


@pytest.mark.parametrize('predicted,true', [([], []), ([1], [1]), ([1, 1], [1, 2]), ([1, 2], [1, 1])])
def test_no_order_to_compare(predicted, true):
    assert np.isnan(rank_correlation(np.array(predicted), np.array(true))).all()


def test_unknown_surrogate():
    with raises(ConfigError, 'search.surrogate.type', "'forest'", 'gp, rbf, mlp'):
        make_surrogate('forest', 0)
