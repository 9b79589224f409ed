"""register_all_modules, as the packages of OpenMMLab have it."""
import pytest
from mmengine.registry import DefaultScope, init_default_scope

from mmmux import registry
from mmmux.utils import register_all_modules


@pytest.fixture(autouse=True)
def _scope():
    yield
    init_default_scope('mmengine')


@pytest.mark.slow
def test_classes_of_every_registry_are_there_afterwards(fresh_python):
    names = fresh_python(
        'from mmengine.registry import MODELS\n'
        'from mmmux import registry\n'
        'from mmmux.utils import register_all_modules\n'
        "names = ('MODELS', 'DATASETS', 'TRANSFORMS', 'METRICS', 'HOOKS', 'LOOPS')\n"
        "assert 'VOCDataset' not in registry.DATASETS.module_dict\n"
        'register_all_modules(init_default_scope=False)\n'
        "assert 'MUXNet' in MODELS.module_dict\n"
        'print(*(name for each in names for name in getattr(registry, each).module_dict))').split()
    assert {'SSDHead', 'LinearClsHead', 'VOCDataset', 'SegDataset', 'ImageNet', 'LoadImage', 'LoadLabelMap', 'AUROC',
            'VOCMetric', 'IoUMetric', 'CheckpointHook', 'IterBasedTrainLoop'} <= set(names)
    assert len(names) == len(set(names))


def test_a_package_that_cannot_be_imported_is_left_out(monkeypatch):
    def refuse(name):
        raise ImportError('no such package')

    monkeypatch.setattr(registry.DATASETS, 'load', refuse)
    register_all_modules(init_default_scope=False)


def test_the_default_scope_is_set_unless_told_otherwise():
    init_default_scope('mmdet')
    register_all_modules(False)
    assert DefaultScope.get_current_instance().scope_name == 'mmdet'
    register_all_modules()
    assert DefaultScope.get_current_instance().scope_name == 'mmmux'
