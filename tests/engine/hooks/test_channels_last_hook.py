import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.models import DS, IR, MUX, Architecture, MUXNet

SMALL = Architecture(
    head_channels=16, stem_channels=8,
    stages=((DS(8, act='ReLU'), ), (IR(16, (3, 5), stride=2, expand_ratio=2), MUX(3, 2), MUX(3, 2, scales=(-1, 0)))))


class Model(BaseModel):
    """A small classifier in double precision, so that no tolerance hides a mistake."""

    def __init__(self):
        super().__init__()
        self.network = MUXNet(SMALL, out_indices=(2, )).double()
        self.linear = nn.Linear(16, 3).double()
        self.channels_last = []
        self.network.stages[1][0].register_forward_hook(
            lambda module, inputs, output: self.channels_last.append(output.is_contiguous(memory_format=torch.channels_last)))

    def forward(self, pictures, labels, mode='loss'):
        scores = self.linear(self.network(pictures)[0].mean((2, 3)))
        return dict(loss=F.cross_entropy(scores, labels)) if mode == 'loss' else list(scores)


@pytest.fixture
def train(tmp_path):
    """Train the same model on the same twelve pictures, six iterations; give back the model and its checkpoint."""
    torch.save(dict(state_dict=Model().state_dict()), tmp_path / 'start.pth')
    data = [(torch.rand(3, 33, 40, dtype=torch.float64), number % 3) for number in range(12)]

    def run(*hooks):
        model, work_dir = Model(), tmp_path / f'{len(hooks)}'
        loader = dict(dataset=data, batch_size=4, sampler=dict(type='DefaultSampler', shuffle=False),
                      collate_fn=dict(type='default_collate'))
        Runner(model, str(work_dir), loader, train_cfg=dict(by_epoch=True, max_epochs=2),
               optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)), custom_hooks=list(hooks),
               experiment_name=str(work_dir), load_from=str(tmp_path / 'start.pth'), default_scope='mmengine').train()
        return model, load_checkpoint_file(work_dir / 'epoch_2.pth')['state_dict']

    return run


def test_trains_the_same_model_in_another_order_of_memory(train):
    (plain, saved), (ordered, ordered_saved) = train(), train(dict(type='mmmux.ChannelsLastHook'))
    assert not any(plain.channels_last) and all(ordered.channels_last) and len(ordered.channels_last) == 6
    assert list(saved) == list(ordered_saved)
    for name, value in saved.items():
        assert torch.allclose(ordered_saved[name], value, rtol=1e-8, atol=1e-10), name


def test_checkpoints_are_read_by_models_without_it(train):
    ordered, saved = train(dict(type='mmmux.ChannelsLastHook'))
    assert all(ordered.channels_last)
    plain, pictures = Model(), torch.rand(2, 3, 32, 48, dtype=torch.float64)
    plain.load_state_dict(saved)
    outs = [torch.stack(model.eval()(pictures, None, 'predict')) for model in (plain, ordered)]
    assert torch.allclose(*outs, rtol=1e-8)
    assert plain.network.stages[1][0].expand.weight.is_contiguous()
