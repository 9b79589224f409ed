"""register_all_modules, as the packages of OpenMMLab have it."""
import pytest
from mmengine.registry import DefaultScope, init_default_scope

from mmmux import registry
from mmmux.utils import register_all_modules


@pytest.fixture(autouse=True)
def _scope():
    yield
    init_default_scope('mmengine')


def test_every_name_of_every_registry_is_there_afterwards():
    register_all_modules(init_default_scope=False)
    for name in ('MODELS', 'DATASETS', 'TRANSFORMS', 'METRICS'):
        found = getattr(registry, name)
        assert found.names == set(found.module_dict)
    assert {'CheckpointHook', 'SegPredictionsHook'} <= set(registry.HOOKS.module_dict)
    assert 'IterBasedTrainLoop' in registry.LOOPS.module_dict


def test_the_default_scope_is_set_unless_told_otherwise():
    init_default_scope('mmdet')
    register_all_modules(False)
    assert DefaultScope.get_current_instance().scope_name == 'mmdet'
    register_all_modules()
    assert DefaultScope.get_current_instance().scope_name == 'mmmux'
