import numpy as np
import pytest

from mmmux.search.front import Box, cube_hypervolume, front, most_hypervolume


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


@pytest.mark.parametrize('objectives', [2, 3, 4])
def test_front_is_what_nothing_dominates(objectives):
    values = np.random.default_rng(0).integers(0, 6, (150, objectives)).astype(float)  # with many equal values and rows
    expected = [i for i, row in enumerate(values) if not any(dominates(other, row) for other in values)
                and not (values[:i] == row).all(1).any()]
    assert front(values).tolist() == expected


def test_front_of_nothing():
    assert front(np.zeros((0, 3))).tolist() == []


def test_hypervolume_of_boxes():
    assert cube_hypervolume(np.array([[0.5, 0.5, 0.5]])) == pytest.approx(0.125)
    # Two boxes of 1/4 x 3/4 that share 1/4 x 1/4.
    assert cube_hypervolume(np.array([[0.25, 0.75], [0.75, 0.25]])) == pytest.approx(2 * 3 / 16 - 1 / 16)
    assert cube_hypervolume(np.zeros((0, 3))) == 0


def test_hypervolume_counts_grid_points():
    points = np.random.default_rng(1).random((20, 3))
    steps = (np.arange(60) + 0.5) / 60
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    covered = np.zeros(len(grid), bool)
    for point in points:
        covered |= (grid >= point).all(1)
    assert cube_hypervolume(points) == pytest.approx(covered.mean(), abs=0.01)


def test_hypervolume_ignores_what_is_outside():
    inside = np.array([[0.5, 0.5]])
    assert cube_hypervolume(np.vstack([inside, [[1.2, 0.1]]])) == cube_hypervolume(inside)
    assert cube_hypervolume(np.array([[-3, 0.5]])) == pytest.approx(0.5)


class TestBox:
    box = Box(('error', 'params', 'macs'), (0, 1e6, 10), (0.5, 4e6, 1000))

    def test_corners(self):
        assert self.box.normalise(np.array([self.box.lower, self.box.upper])) == pytest.approx(np.array([[0] * 3, [1] * 3]))

    def test_error_is_even_and_halving_a_cost_is_always_as_much(self):
        values = np.array([[0.1, 1e6, 10], [0.2, 2e6, 100], [0.3, 4e6, 1000]])
        assert np.diff(self.box.normalise(values), axis=0) == pytest.approx(np.full((2, 3), [0.2, 0.5, 0.5]))

    def test_around_values(self):
        values = np.array([[0.3, 5], [0.2, 9]])
        box = Box.around(('error', 'macs'), values)
        assert (box.lower, box.upper) == ((0.2, 5), (0.3, 9))
        assert box.hypervolume(np.array([[0.2, 5]])) == pytest.approx(1)

    def test_of_one_value(self):
        assert Box.around(('error', 'macs'), np.array([[0.3, 5]])).normalise(np.array([[0.3, 5]])).tolist() == [[0, 0]]


class TestMostHypervolume:

    @pytest.mark.parametrize('seed', range(3))
    def test_takes_the_best_each_time(self, seed):
        rng = np.random.default_rng(seed)
        candidates, known = rng.random((40, 3)), rng.random((5, 3))
        expected, points = [], known
        for _ in range(6):
            gains = [cube_hypervolume(np.vstack([points, row])) - cube_hypervolume(points) for row in candidates]
            expected.append(int(np.argmax(gains)))
            points = np.vstack([points, candidates[expected[-1]]])
        assert most_hypervolume(candidates, known, 6) == expected

    def test_stops_where_nothing_adds(self):
        candidates = np.array([[0.6, 0.6], [0.4, 0.4], [0.4, 0.4], [0.5, 0.5]])
        assert most_hypervolume(candidates, np.array([[0.5, 0.5]]), 3) == [1]

    def test_with_nothing_known(self):
        assert most_hypervolume(np.array([[0.6, 0.6], [0.4, 0.4]]), np.zeros((0, 2)), 1) == [1]
