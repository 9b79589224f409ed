from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

from mmmux.config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/ssdlite'


@pytest.fixture
def config():
    """Load a config of configs/ssdlite by the end of its name."""
    def load(name: str, **options):
        (path, ) = CONFIGS.glob(f'*{name}.py')
        return load_config(path, options)

    return load


@pytest.fixture
def detector(config):
    """Build the model of a config of configs/ssdlite."""
    from mmdet.registry import MODELS

    def build(name: str):
        init_default_scope('mmdet')
        return MODELS.build(config(name).model).eval()

    return build
