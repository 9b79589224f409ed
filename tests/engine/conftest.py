import logging
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from mmmux.datasets.drawn_shapes import draw_data_set


@pytest.fixture
def log(caplog):
    """What mmengine's logger warns of; it does not pass its records on to Python's root logger."""
    logger = MMLogger.get_current_instance()
    caplog.set_level(logging.WARNING)
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture(scope='session')
def configs():
    return Path(__file__).resolve().parents[2] / 'configs'


@pytest.fixture(scope='session')
def shapes(tmp_path_factory):
    """Eight drawn pictures to train on and four to test on."""
    return draw_data_set(tmp_path_factory.mktemp('shapes'), train=8, test=4, size=96)
