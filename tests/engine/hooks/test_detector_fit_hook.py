"""Detectors that cannot learn from their data, or cannot return all of its objects, are reported before the first iteration."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from facts import assert_facts
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmmux.config import load_config
from mmmux.engine.hooks import DetectorFitHook

VOC = 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
OPTION = 'model.bbox_head.background_negatives'


class Pictures:
    """Data set of pictures of a size in pixels, each with a number of boxes, the last of which is of VOC's difficult ones."""

    def __init__(self, boxes=(2, 2), size: int = 320, **filters):
        self.boxes, self.size, self.filter_cfg = boxes, size, filters

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: int) -> dict:
        np.random.rand()  # as augmentation does
        return dict(inputs=torch.zeros(3, self.size, self.size))

    def get_data_info(self, index: int) -> dict:
        return dict(img_id=f'picture_{index}', instances=[dict(ignore_flag=0)] * self.boxes[index] + [dict(ignore_flag=1)])


@pytest.fixture
def said(configs, log):
    """Run the hook with the VOC config; give back the sentences it logs."""
    from mmdet.registry import MODELS

    def run(before: str, dataset, options: dict | None = None) -> list[str]:
        cfg = load_config(configs / VOC, options)
        init_default_scope('mmdet')
        loader = SimpleNamespace(dataset=dataset)
        log.clear()
        getattr(DetectorFitHook(), before)(
            SimpleNamespace(cfg=cfg, model=MODELS.build(cfg.model), train_dataloader=loader, test_dataloader=loader))
        return [record.getMessage() for record in log.records]

    return run


def assert_said(found: list[str], facts: tuple | None) -> None:
    """Assert that one sentence with the facts was logged; None: that none was."""
    assert len(found) == (facts is not None)
    if facts is not None:
        assert_facts(found[0], *facts)


def test_every_detector_of_ours_has_it(configs):
    for path in (configs / 'ssdlite').glob('*.py'):
        assert 'mmmux.DetectorFitHook' in [hook.type for hook in load_config(path).custom_hooks]


@pytest.mark.parametrize('boxes,size,filters,options,facts', [
    ((2, 2), 320, {}, {}, None),
    ((2, 2), 512, {}, {}, ('512 x 512', 'model.bbox_head.anchor_generator.strides=[16,32,64,128,256,512]')),
    ((2, 0, 1, 0), 320, {}, {}, ('2', '4', f'{OPTION}=30', 'filter_cfg.filter_empty_gt')),
    ((2, 0), 320, dict(filter_empty_gt=False), {}, ('1', '2', f'{OPTION}=30')),
    ((2, 0), 320, dict(filter_empty_gt=True), {}, None),
    ((2, 0), 320, {}, {OPTION: 30}, None),
])
def test_before_training(said, boxes, size, filters, options, facts):
    state = np.random.get_state()[1].copy()
    found = said('before_train', Pictures(boxes, size, **filters), options)
    assert (np.random.get_state()[1] == state).all()  # the training draws the numbers that it would draw without the hook
    assert_said(found, facts)


@pytest.mark.parametrize('boxes,options,facts', [
    ((200, 3), {}, None),
    ((3, 201, 600), {}, ('model.test_cfg.max_per_img=200', '2', '600', 'picture_2')),
    ((3, 201, 600), {'model.test_cfg.max_per_img': 600}, None),
])
def test_before_testing(said, boxes, options, facts):
    assert_said(said('before_test', Pictures(boxes), options), facts)


@pytest.mark.parametrize('before', ['before_train', 'before_test'])
def test_models_and_data_of_other_tasks_are_let_through(before, log):
    loader = SimpleNamespace(dataset=[1])
    getattr(DetectorFitHook(), before)(SimpleNamespace(
        cfg=Config(dict(model=dict(test_cfg=dict(max_per_img=1)))), model=torch.nn.Linear(1, 1), train_dataloader=loader,
        test_dataloader=loader))
    assert not log.records
