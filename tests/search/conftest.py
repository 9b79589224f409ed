from pathlib import Path

import pytest
from mmengine.config import Config

from mmmux.search.space import SearchSpace

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def configs():
    return REPOSITORY / 'configs'


@pytest.fixture(scope='session')
def family_space():
    """The space that configs/_base_ has."""
    return SearchSpace(Config.fromfile(REPOSITORY / 'configs/_base_/search_space.py').search.space)
