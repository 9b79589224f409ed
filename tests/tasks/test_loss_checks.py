"""Losses that do not fit the scores of a head are reported before a training, a test and a prediction."""
import numpy as np
import pytest
from facts import raises
from mmengine.config import Config
from mmengine.fileio import dump

from mmmux import apis
from mmmux.config import load_config
from mmmux.tasks import task_of
from mmmux.utils.errors import ConfigError

SCENES = 'c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'
CIFAR = 'classification/muxnet-m_1xb96-50e_cifar10-224.py'
ONE_CHANNEL = {'model.decode_head.out_channels': 1, 'model.decode_head.num_classes': 2}
SIGMOID = {'model.decode_head.loss_decode.use_sigmoid': True}


@pytest.fixture
def load(configs):
    def with_options(config: str, options: dict) -> Config:
        cfg = load_config(configs / config)
        cfg.merge_from_dict(options)
        return cfg

    return with_options


def check(cfg: Config) -> None:
    task_of(cfg).check_model(cfg)


@pytest.mark.parametrize('head', [dict(num_queries=100, out_channels=256), dict(san_cfg=dict(clip_channels=768))])
def test_heads_that_classify_queries_score_no_object_too(head):
    def model(weights: int) -> Config:
        loss = dict(type='CrossEntropyLoss', class_weight=[1.] * weights)
        return Config(dict(default_scope='mmseg', model=dict(decode_head=dict(num_classes=7, loss_cls=loss, **head))))

    check(model(8))
    with raises(ConfigError, '7 weights', '8 values'):
        check(model(7))


@pytest.mark.parametrize('config,key,head,right', [
    (SCENES, 'model.decode_head.loss_decode.class_weight', 'model.decode_head', 6),
    (SCENES, 'model.auxiliary_head.loss_decode.class_weight', 'model.auxiliary_head', 6),
    (CIFAR, 'model.head.loss.class_weight', 'model.head', 10),
])
def test_class_weights(load, config, key, head, right, tmp_path):
    check(load(config, {key: [1.] * right}))
    for wrong in (right - 1, right + 1, 1):
        cfg = load(config, {key: [1.] * wrong})
        with raises(ConfigError, key, f'{wrong} weights', f'{head} with num_classes={right}', f'{right} values'):
            check(cfg)


@pytest.mark.parametrize('suffix', ['.json', '.npy'])
def test_class_weights_in_a_file(load, tmp_path, suffix):
    path = str(tmp_path / f'weights{suffix}')
    if suffix == '.npy':
        np.save(path, np.ones(5))
    else:
        dump([1] * 5, path)
    with raises(ConfigError, 'model.decode_head.loss_decode.class_weight', '5 weights', '6 values'):
        check(load(SCENES, {'model.decode_head.loss_decode.class_weight': path}))


@pytest.mark.parametrize('loss,right', [(dict(use_sigmoid=True), 3), (dict(use_sigmoid=False), 4), ({}, 4)])
def test_class_weights_of_detectors(loss, right):
    """mmdet's softmax scores the background, too."""
    key = 'model.roi_head.bbox_head.0.loss_cls.class_weight'
    for number in (3, 4):
        head = dict(num_classes=3, loss_cls=dict(type='CrossEntropyLoss', class_weight=[1.] * number, **loss))
        cfg = Config(dict(default_scope='mmdet', model=dict(roi_head=dict(bbox_head=[head, head]))))
        if number == right:
            check(cfg)
        else:
            with raises(ConfigError, key, f'{number} weights', f'{right} values'):
                check(cfg)


class TestOneChannel:

    @pytest.mark.parametrize('options,facts', [
        ({'model.decode_head.num_classes': 1}, ('model.decode_head.num_classes', 'num_classes=2')),
        ({'model.auxiliary_head.num_classes': 1}, ('model.auxiliary_head.num_classes', 'num_classes=2')),
        (ONE_CHANNEL, ('model.decode_head.out_channels', 'use_sigmoid=True', 'threshold')),
        ({**ONE_CHANNEL, 'model.decode_head.loss_decode': [dict(type='DiceLoss'), dict(type='mmseg.CrossEntropyLoss')]},
         ('model.decode_head.out_channels', 'use_sigmoid=True'))])
    def test_softmax_is_refused(self, load, options, facts):
        with raises(ConfigError, *facts):
            check(load(SCENES, options))

    @pytest.mark.parametrize('options', [{}, {**ONE_CHANNEL, **SIGMOID}, {'model.decode_head.num_classes': 1, **SIGMOID},
                                         {**ONE_CHANNEL, 'model.decode_head.loss_decode.type': 'DiceLoss'}])
    def test_others_are_taken(self, load, options):
        check(load(SCENES, options))

    def test_before_everything(self, load):
        cfg = load(SCENES, ONE_CHANNEL)
        cfg.load_from = 'nowhere.pth'
        for run in (apis.train, apis.test, lambda cfg: apis.Inferencer(cfg, 'nowhere.pth', 'cpu')):
            with raises(ConfigError, 'model.decode_head.out_channels'):
                run(cfg)


@pytest.mark.slow
def test_all_configs_are_taken(configs):
    for path in configs.glob('*/*_*xb*.py'):
        check(Config.fromfile(path))
