"""Replayed training against plain training: on a GPU if available, and on every machine on a stand-in for CUDA's graphs."""
import contextlib
from types import SimpleNamespace

import pytest
import torch
from facts import assert_facts
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import MODELS, DefaultScope
from needs_gpu import GPU
from torch import nn

from mmmux.engine.hooks import CudaGraphHook
from mmmux.engine.hooks.cuda_graph_hook import GraphedStep
from mmmux.models import DS, IR, MUX, Architecture

SMALL = Architecture(
    head_channels=16, stem_channels=8,
    stages=((DS(8, act='ReLU'), ), (IR(16, (3, 5), stride=2, expand_ratio=2), MUX(3, 2), MUX(3, 2, scales=(-1, 0)))))


class StandIn:
    """Imitate a CUDA graph on a CPU: it records without computing, and replays on the very tensors that it recorded with."""

    def __init__(self, step: GraphedStep):
        self.step, self.replays = step, 0

    @contextlib.contextmanager
    def record(self):
        model, losses_of = self.step.model, self.step._losses

        def remember(data):
            self.data = data
            return losses_of(data)

        self.step._losses = remember
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        yield
        self.step._losses = losses_of
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(before[name])
            for parameter in model.parameters():
                parameter.grad.fill_(float('nan'))
            for loss in self.step.losses.values():
                loss.fill_(float('nan'))
        self.gradients = [parameter.grad for parameter in model.parameters()]

    def replay(self):
        self.replays += 1
        parameters = list(self.step.model.parameters())
        elsewhere = [parameter.grad for parameter in parameters]
        for parameter in parameters:
            parameter.grad = None
        loss, losses = self.step._losses(self.data)
        loss.backward()
        with torch.no_grad():
            for parameter, gradient, other in zip(parameters, self.gradients, elsewhere):
                gradient.copy_(parameter.grad)
                parameter.grad = other
            for name, value in losses.items():
                self.step.losses[name].copy_(value)


@pytest.fixture(params=['cpu', GPU])
def device(request, monkeypatch):
    if request.param == 'cpu':
        stream = SimpleNamespace(wait_stream=lambda other: None)
        monkeypatch.setattr(torch.cuda, 'Stream', lambda: stream)
        monkeypatch.setattr(torch.cuda, 'current_stream', lambda: stream)
        monkeypatch.setattr(torch.cuda, 'stream', lambda stream: contextlib.nullcontext())
    return request.param


@pytest.fixture
def replaying(device, monkeypatch):
    """Have a model's steps replayed; give back what counts the replays."""
    def begin(model: nn.Module, wrapper: OptimWrapper, warm_up: int) -> StandIn | None:
        if device == 'cpu':
            step = model.train_step = GraphedStep(model, warm_up)
            graph = StandIn(step)
            monkeypatch.setattr(torch.cuda, 'CUDAGraph', lambda: graph)
            monkeypatch.setattr(torch.cuda, 'graph', lambda graph, **options: graph.record())
            return graph
        CudaGraphHook(warm_up).before_train(SimpleNamespace(model=model, optim_wrapper=wrapper))
        return None

    return begin


@pytest.fixture
def classifier(device):
    """A small classifier; each call gives the same weights."""
    def build(multi_label: bool = False) -> nn.Module:
        torch.manual_seed(3)
        head = dict(type='mmmux.LinearClsHead', num_classes=4, in_channels=16, dropout=0.)
        if multi_label:
            head.update(type='mmmux.MultiLabelLinearClsHead')
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            model = MODELS.build(dict(
                type='ImageClassifier', backbone=dict(type='mmmux.MUXNet', arch=SMALL, out_indices=(2, )),
                neck=dict(type='GlobalAveragePooling'), head=head,
                data_preprocessor=dict(type='ClsDataPreprocessor', num_classes=4, mean=[120] * 3, std=[60] * 3)))
        model.init_weights()
        return model.to(device).train()

    return build


def batches(sizes, multi_label: bool = False) -> list[dict]:
    from mmpretrain.structures import DataSample
    generator = torch.Generator().manual_seed(1)
    made = []
    for size in sizes:
        samples = [DataSample().set_gt_label(int(torch.randint(4, (), generator=generator))) for _ in range(size)]
        if multi_label:
            samples = [DataSample().set_gt_score(torch.randint(2, (4, ), generator=generator).float()) for _ in range(size)]
        pictures = torch.randint(0, 256, (size, 3, 32, 32), generator=generator, dtype=torch.uint8)
        made.append(dict(inputs=pictures, data_samples=samples))
    return made


def wrapper_of(model: nn.Module, kind=OptimWrapper, **options) -> OptimWrapper:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return kind(optimizer=optimizer, clip_grad=dict(max_norm=5, norm_type=2), **options)


def train(model: nn.Module, wrapper: OptimWrapper, data: list[dict]) -> list[dict]:
    """The losses, looked at when all is over, as a log does that averages them."""
    losses = [model.train_step(batch, optim_wrapper=wrapper) for batch in data]
    return [{name: value.item() for name, value in loss.items()} for loss in losses]


@pytest.mark.parametrize('multi_label', [False, True])
@pytest.mark.parametrize(('sizes', 'warm_up', 'replays'), [
    ([8] * 30, 10, 20), ([8] * 4, 10, 0),
    ([8] * 6 + [5] + [8] * 5 + [5, 3] + [8] * 4, 3, 12),  # without drop_last
], ids=['warmed up', 'shorter than the warm-up', 'other sizes between'])
def test_losses_and_weights_are_those_of_plain_training(replaying, classifier, sizes, warm_up, replays, multi_label):
    plain, replayed = classifier(multi_label), classifier(multi_label)
    expected = train(plain, wrapper_of(plain), batches(sizes, multi_label))
    wrapper = wrapper_of(replayed)
    graph = replaying(replayed, wrapper, warm_up)
    losses = train(replayed, wrapper, batches(sizes, multi_label))
    assert graph is None or graph.replays == replays
    assert [set(loss) for loss in losses] == [{'loss'}] * len(sizes)
    assert [loss['loss'] for loss in losses] == pytest.approx([loss['loss'] for loss in expected], rel=1e-4)
    assert len({loss['loss'] for loss in losses}) == len(sizes)
    for name, value in plain.state_dict().items():  # the statistics of norms, too
        assert torch.allclose(replayed.state_dict()[name], value, rtol=1e-4, atol=1e-4), name


def test_any_number_of_labels_a_picture_is_trained_step_by_step_until_all_have_the_same(replaying, classifier):
    from mmpretrain.structures import DataSample
    plain, replayed = classifier(multi_label=True), classifier(multi_label=True)
    data = batches([8] * 9)
    for number, batch in enumerate(data):
        batch['data_samples'] = [DataSample().set_gt_label([0, 3] if (number + picture) % 3 or number > 5 else [1])
                                 for picture in range(8)]
        for sample in batch['data_samples']:
            sample.set_gt_score(torch.zeros(4).index_fill(0, sample.gt_label, 1))
    expected = train(plain, wrapper_of(plain), data)
    wrapper = wrapper_of(replayed)
    graph = replaying(replayed, wrapper, 2)
    losses = train(replayed, wrapper, data)
    assert graph is None or graph.replays == 3
    assert [loss['loss'] for loss in losses] == pytest.approx([loss['loss'] for loss in expected], rel=1e-4)


def test_testing_in_between_and_afterwards_sees_the_trained_weights(replaying, classifier):
    plain, replayed = classifier(), classifier()
    wrapper = wrapper_of(replayed)
    replaying(replayed, wrapper, 2)
    plain_wrapper, (picture, *data) = wrapper_of(plain), batches([4] + [8] * 6)
    for batch in data:
        scores = []
        for model, own in ((plain, plain_wrapper), (replayed, wrapper)):
            model.train_step(batch, own)
            model.eval()
            scores.append(torch.stack([sample.pred_score for sample in model.test_step(picture)]))
            model.train()
        assert torch.allclose(*scores, atol=1e-4)


class TestHook:

    def test_on_a_cpu_nothing_changes(self, classifier):
        model = classifier().cpu()
        before = dict(vars(model))
        CudaGraphHook().before_train(SimpleNamespace(model=model, optim_wrapper=wrapper_of(model)))
        assert vars(model) == before

    @pytest.mark.parametrize(('kind', 'options', 'several'), [
        (OptimWrapper, {}, True), (OptimWrapper, dict(accumulative_counts=2), False), (AmpOptimWrapper, {}, False)],
        ids=['several processes', 'accumulated gradients', 'mixed precision'])
    def test_what_it_cannot_replay_is_trained_step_by_step_and_said(self, log, monkeypatch, kind, options, several):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
        linear = nn.Linear(2, 2)
        wrapper = wrapper_of(linear, kind, **options)
        on_gpu = SimpleNamespace(parameters=lambda: iter([SimpleNamespace(is_cuda=True)]), train_step='its own')
        if several:
            on_gpu.module = linear
        CudaGraphHook().before_train(SimpleNamespace(model=on_gpu, optim_wrapper=wrapper))
        assert on_gpu.train_step == 'its own'
        (message, ) = log.messages
        assert_facts(message, 'CudaGraphHook', 'several processes', 'mixed precision', 'accumulated gradients')

    def test_on_a_gpu_the_step_is_replaced_and_given_back(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, 'Stream', lambda: None)

        class Model:
            def parameters(self):
                return iter([SimpleNamespace(is_cuda=True)])

            def train_step(self, data, optim_wrapper):
                return 'its own'

        runner = SimpleNamespace(model=Model(), optim_wrapper=wrapper_of(nn.Linear(2, 2)))
        hook = CudaGraphHook(warm_up=7)
        hook.before_train(runner)
        assert isinstance(runner.model.train_step, GraphedStep) and runner.model.train_step.warm_up == 7
        hook.after_train(runner)
        assert runner.model.train_step(None, None) == 'its own'
        hook.after_train(runner)  # as on a CPU, where the hook has nothing to undo
