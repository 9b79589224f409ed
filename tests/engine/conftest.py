from pathlib import Path

import pytest

from mmmux.datasets.drawn_shapes import draw_data_set


@pytest.fixture(scope='session')
def configs():
    return Path(__file__).resolve().parents[2] / 'configs'


@pytest.fixture(scope='session')
def shapes(tmp_path_factory):
    """Eight drawn pictures to train on and four to test on."""
    return draw_data_set(tmp_path_factory.mktemp('shapes'), train=8, test=4, size=96)
