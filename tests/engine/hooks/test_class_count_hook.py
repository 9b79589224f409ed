import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from facts import raises
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmmux.engine.hooks import ClassCountHook
from mmmux.utils.errors import CheckpointError, ConfigError

LOADERS = {'before_train': 'train_dataloader', 'before_val': 'val_dataloader', 'before_test': 'test_dataloader'}
ELEVEN = dict(classes=tuple('abcdefghijk'))


@pytest.fixture(scope='module')
def config(configs):
    return Config.fromfile(configs / 'c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py').model


@pytest.fixture
def segmentor(config):
    """C1 as its config has it, 11 classes in both heads, or with other numbers."""
    from mmseg.registry import MODELS

    def build(decode: int | None = None, auxiliary: int | None = None) -> nn.Module:
        model = copy.deepcopy(config)
        for head, classes in (('decode_head', decode), ('auxiliary_head', auxiliary)):
            model[head].num_classes = classes or model[head].num_classes
        return MODELS.build(model)

    with DefaultScope.overwrite_default_scope('mmseg'):
        yield build


class Wrapped(nn.Module):
    """As DistributedDataParallel and test-time augmentation hold their model."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def compare(model: nn.Module, metainfo=ELEVEN, before: str = 'before_train') -> None:
    """Run the hook where only the data set of its own phase is there, as a runner builds no other."""
    loader = SimpleNamespace(dataset=SimpleNamespace(**({} if metainfo is None else dict(metainfo=metainfo))))
    getattr(ClassCountHook(), before)(SimpleNamespace(model=model, **{LOADERS[before]: loader}))


@pytest.mark.parametrize('before', LOADERS)
def test_a_config_that_fits_its_data_passes(segmentor, before):
    compare(segmentor(), before=before)


@pytest.mark.parametrize('before', LOADERS)
@pytest.mark.parametrize('decode,auxiliary,head,scored', [
    (150, 11, 'decode_head', 150), (11, 150, 'auxiliary_head', 150), (10, 11, 'decode_head', 10),
])
def test_a_head_of_other_classes_is_named_with_both_numbers(segmentor, before, decode, auxiliary, head, scored):
    with raises(ConfigError, f'model.{head}.num_classes', scored, LOADERS[before], '11 classes'):
        compare(segmentor(decode, auxiliary), before=before)


def test_one_of_two_heads_of_other_classes_is_named(segmentor):
    with raises(ConfigError, 'num_classes', 12, 'train_dataloader', '11 classes'):
        compare(segmentor(12, 12))


def test_training_compares_the_validation_data_before_it_starts():
    head = nn.Module()
    head.num_classes, head.fc = 11, nn.Linear(2, 11)
    loaders = {f'{name}_dataloader': SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=tuple(range(number)))))
               for name, number in dict(train=11, val=10).items()}
    runner = SimpleNamespace(model=nn.ModuleDict(dict(head=head)), val_loop=object(), **loaders)
    with raises(ConfigError, 'model.head.num_classes', 11, 'val_dataloader', '10 classes'):
        ClassCountHook().before_train(runner)
    runner.val_loop = None
    ClassCountHook().before_train(runner)


@pytest.mark.parametrize('wrap', [Wrapped, lambda model: Wrapped(Wrapped(model))])
def test_wrapped_models_are_compared_and_named_as_in_the_config(segmentor, wrap):
    compare(wrap(segmentor(11, 11)))
    with raises(ConfigError, 'model.auxiliary_head.num_classes', 150):
        compare(wrap(segmentor(11, 150)))


def test_one_of_several_auxiliary_heads_is_named(segmentor):
    model = segmentor(11, 11)
    model.auxiliary_head = nn.ModuleList([model.auxiliary_head, segmentor(11, 19).auxiliary_head])
    with raises(ConfigError, 'model.auxiliary_head.1.num_classes', 19):
        compare(model)


def test_two_classes_may_be_scored_by_one_channel():
    from mmseg.models.decode_heads import FCNHead
    with DefaultScope.overwrite_default_scope('mmseg'):
        head = FCNHead(in_channels=8, channels=4, num_convs=1, concat_input=False, num_classes=2, out_channels=1, threshold=0.5)
    compare(nn.ModuleDict(dict(decode_head=head)), dict(classes=('no', 'yes')))


@pytest.mark.parametrize('metainfo', [None, {}, dict(palette=[])])
def test_a_data_set_that_names_no_classes_passes(segmentor, metainfo):
    compare(segmentor(150, 11), metainfo)


def test_models_without_heads_pass():
    compare(nn.Sequential(nn.Conv2d(3, 8, 3)))


class TestClassifiers:

    @pytest.fixture
    def classifier(self, configs):
        """MUXNet-xs of 32 x 32 pictures, with another head if one is given."""
        from mmpretrain.registry import MODELS
        config = Config.fromfile(configs / 'classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py').model

        def build(num_classes: int, **head) -> nn.Module:
            return MODELS.build(dict(config, head=dict(head or config.head, in_channels=1152, num_classes=num_classes)))

        with DefaultScope.overwrite_default_scope('mmpretrain'):
            yield build

    @pytest.mark.parametrize('head', [
        {}, dict(type='LinearClsHead'), dict(type='mmmux.MultiLabelLinearClsHead'), dict(type='MultiLabelLinearClsHead')],
        ids=['ours', 'theirs', 'ours, several labels', 'theirs, several labels'])
    @pytest.mark.parametrize('before', LOADERS)
    def test_of_another_number_is_refused(self, classifier, before, head):
        three = dict(classes=('dog', 'cat', 'bird'))
        compare(classifier(3, **head), three, before)
        for scored in (2, 1000):
            with raises(ConfigError, 'model.head.num_classes', scored, LOADERS[before], '3 classes'):
                compare(classifier(scored, **head), three, before)

    @pytest.mark.parametrize('head', [
        dict(type='VisionTransformerClsHead'), dict(type='StackedLinearClsHead', mid_channels=[8]),
        dict(type='EfficientFormerClsHead')], ids=lambda head: head['type'])
    def test_heads_of_other_networks(self, classifier, head):
        compare(classifier(11, **head))
        with raises(ConfigError, 'model.head.num_classes', 1000):
            compare(classifier(1000, **head))


class TestDetectors:
    """mmdet's own hook raises an AssertionError, that of the validation data at the first validation."""

    @pytest.fixture
    def detector(self, configs):
        from mmdet.registry import MODELS
        cfg = Config.fromfile(configs / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py').model

        def build(num_classes: int) -> nn.Module:
            return MODELS.build(dict(cfg, bbox_head=dict(cfg.bbox_head, num_classes=num_classes)))

        with DefaultScope.overwrite_default_scope('mmdet'):
            yield build

    @pytest.mark.parametrize('before', LOADERS)
    def test_of_another_number_is_refused(self, detector, before):
        four = dict(classes=('a', 'b', 'c', 'd'))
        compare(detector(4), four, before)
        with pytest.raises(ConfigError) as caught:
            compare(detector(20), four, before)
        assert 'model.bbox_head.num_classes is 20' in str(caught.value) and '(a, b, c, d)' in str(caught.value)

    def test_heads_that_tell_objects_from_background_and_backbones_are_let_through(self):
        from mmdet.models import RPNHead
        from mmdet.models.backbones import SSDVGG
        with DefaultScope.overwrite_default_scope('mmdet'):
            model = nn.ModuleDict(dict(backbone=SSDVGG(16), rpn_head=RPNHead(8)))
        assert model.rpn_head.num_classes == 1 and hasattr(model.backbone, 'num_classes')
        compare(model, dict(classes=('a', 'b', 'c')))

    @pytest.mark.parametrize('config', [
        'rpn/rpn_r50_fpn_1x_coco.py', 'guided_anchoring/ga-rpn_r50-caffe_fpn_1x_coco.py', 'scnet/scnet_r50_fpn_1x_coco.py'])
    def test_of_other_things_than_classes(self, config):
        import mmdet
        cfg = Config.fromfile(Path(mmdet.__file__).parent / '.mim/configs' / config).model
        with DefaultScope.overwrite_default_scope('mmdet'), torch.device('meta'):
            model = nn.ModuleDict({key: MODELS.build(cfg[key]) for key in ('rpn_head', 'roi_head') if (key in cfg
                                   and key != 'roi_head') or 'semantic_head' in cfg.get(key, ())})
        compare(model, dict(classes=tuple(map(str, range(80)))))


class TestCheckpoints:
    """Names in another order give a permuted score, also with a head of more classes than the data."""
    TRAINED_ON = ('cell', 'dot', 'ring')

    def run(self, before: str, tested_on, trained_on=TRAINED_ON, **cfg):
        hook, loader = ClassCountHook(), LOADERS[before]
        meta = {} if trained_on is None else dict(dataset_meta=dict(classes=trained_on))
        hook.after_load_checkpoint(None, dict(meta=meta))
        runner = SimpleNamespace(model=nn.Conv2d(3, 8, 3), cfg=dict(load_from='epoch_9.pth', **cfg), work_dir='work', **{
            loader: SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=tested_on)))})
        getattr(hook, before)(runner)

    OTHERS = [('dot', 'cell', 'ring'), ('cell', 'dot', 'other'), ('cell', 'dot')]

    @pytest.mark.parametrize('others', OTHERS)
    @pytest.mark.parametrize('before,cfg', [('before_test', {}), ('before_val', {}), ('before_train', dict(resume=True))])
    def test_of_other_classes_are_refused(self, before, cfg, others):
        with pytest.raises(CheckpointError) as caught:
            self.run(before, others, **cfg)
        words = ('(cell, dot, ring)', f'({", ".join(others)})', 'epoch_9.pth', LOADERS[before])
        assert all(word in str(caught.value) for word in words)

    @pytest.mark.parametrize('others', OTHERS)
    def test_a_training_that_starts_from_one_is_told_once(self, others, log):
        self.run('before_train', others)
        said, = [record.getMessage() for record in log.records]
        assert all(word in said for word in ('(cell, dot, ring)', f'({", ".join(others)})', 'epoch_9.pth'))

    @pytest.mark.parametrize('before,cfg', [('before_test', {}), ('before_train', dict(resume=True)), ('before_train', {})])
    @pytest.mark.parametrize('trained_on', [None, TRAINED_ON, list(TRAINED_ON)])
    def test_of_the_same_or_of_unknown_classes_are_accepted(self, before, cfg, trained_on, log):
        self.run(before, self.TRAINED_ON, trained_on, **cfg)
        assert not log.records


def test_validation_in_another_order_is_refused_before_the_first_iteration():
    loaders = {f'{name}_dataloader': SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=names)))
               for name, names in dict(train=('cat', 'dog'), val=('dog', 'cat')).items()}
    with pytest.raises(ConfigError) as caught:
        ClassCountHook().before_train(SimpleNamespace(model=nn.Conv2d(3, 8, 3), val_loop=object(), cfg={}, **loaders))
    assert all(word in str(caught.value) for word in ('(cat, dog)', '(dog, cat)', 'val_dataloader', 'train_dataloader'))


def test_parts_that_differ_are_refused_where_mmdet_gives_a_list():
    parts = [dict(classes=('cat', 'dog')), dict(classes=('dog', 'cat'))]
    with pytest.raises(ConfigError) as caught:
        compare(nn.Conv2d(3, 8, 3), parts)
    assert all(word in str(caught.value) for word in ('(cat, dog)', '(dog, cat)', 'train_dataloader.dataset.datasets.1'))


class TestTopK:
    FOUR = dict(classes=('a', 'b', 'c', 'd'))

    def run(self, before: str, topk):
        from mmpretrain.evaluation import Accuracy
        name = dict(before_val='val', before_test='test')[before]
        loop = SimpleNamespace(evaluator=SimpleNamespace(metrics=[object(), Accuracy(topk=topk)]))
        runner = SimpleNamespace(model=nn.Conv2d(3, 8, 3), **{f'{name}_loop': loop, LOADERS[before]: SimpleNamespace(
            dataset=SimpleNamespace(metainfo=self.FOUR))})
        getattr(ClassCountHook(), before)(runner)

    @pytest.mark.parametrize('before,key', [('before_val', 'val_evaluator'), ('before_test', 'test_evaluator')])
    def test_of_more_than_there_are(self, before, key):
        self.run(before, (1, 4))
        with pytest.raises(ConfigError) as caught:
            self.run(before, (1, 5))
        assert all(word in str(caught.value) for word in (key, '(1, 5)', '(a, b, c, d)'))

    def test_of_a_head_that_measures_it_in_training(self):
        from mmpretrain.models import LinearClsHead
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            heads = [LinearClsHead(4, 8, topk=(1, 5), cal_acc=measured) for measured in (False, True)]
        compare(nn.ModuleDict(dict(head=heads[0])), self.FOUR)
        with pytest.raises(ConfigError) as caught:
            compare(nn.ModuleDict(dict(head=heads[1])), self.FOUR)
        assert all(word in str(caught.value) for word in ('model.head.topk', '(1, 5)', '(a, b, c, d)'))
