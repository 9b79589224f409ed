"""The loss of the validation data, as a metric of each validation."""
import json

import pytest
import torch
from earlier_runs import forget_runs
from facts import raises
from tiny_training import PICTURES, make_runner

from mmmux.utils.errors import ConfigError

HOOK = dict(type='mmmux.ValLossHook')


def test_is_the_mean_over_all_pictures(tmp_path):
    """The tiny training's loss is the mean square of the outputs, whose mean is taken over batches of 3, 3, 3 and 2."""
    runner = make_runner(tmp_path, dict(by_epoch=True, max_epochs=1, val_interval=1), dict(interval=1), [
        HOOK, dict(type='LoggerHook')])
    seen = []
    whole = runner.model.forward

    def forward(inputs, index, mode='tensor'):
        result = whole(inputs, index, mode)
        if mode == 'loss' and not torch.is_grad_enabled():
            assert not runner.model.training
            seen.append((len(inputs), float(result['loss'])))
        return result

    runner.model.forward = forward
    runner.train()
    assert sum(size for size, _ in seen) == PICTURES
    expected = sum(size * loss for size, loss in seen) / PICTURES
    assert runner.message_hub.get_scalar('val/loss').current() == pytest.approx(expected)


def test_needs_validation(tmp_path):
    runner = make_runner(tmp_path, dict(by_epoch=True, max_epochs=1), dict(interval=1), [HOOK])
    runner._val_loop = None
    with raises(ConfigError, '--val-loss', 'val_dataloader', 'val_evaluator'):
        runner.call_hook('before_train')


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['detector', 'segmentor', 'classifier'])
def test_of_real_trainings(kind, tmp_path, monkeypatch):
    """All three kinds of models have it, and it falls while they learn from one batch."""
    import small_trainings

    from mmmux.apis import train
    from mmmux.config import load_config
    from mmmux.config.hooks import add_hook
    pytest.importorskip('mmdet')
    forget_runs()
    cfg = load_config(getattr(small_trainings, kind)(tmp_path), work_dir=tmp_path / 'work')
    add_hook(cfg, dict(HOOK))
    train(cfg)
    scalars, = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    losses = [line['loss'] for line in lines if 'loss' in line and 'lr' not in line]
    assert len(losses) == 3 and all(0 < loss < 100 for loss in losses) and len(set(losses)) == 3
