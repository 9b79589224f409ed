"""Processes that load data end with the training or test that started them, and of themselves."""
import multiprocessing

import pytest
from mmengine.hooks import Hook
from tiny_training import make_runner

from mmmux.config import load_config
from mmmux.engine.runner import run_config as runs
from mmmux.engine.runner.loader_workers import loader_workers_end

LOOPS = {
    'our epochs': dict(type='mmmux.EpochBasedTrainLoop', max_epochs=2),
    'our iterations': dict(type='mmmux.IterBasedTrainLoop', max_iters=5),
    "mmengine's epochs": dict(type='EpochBasedTrainLoop', max_epochs=2),
    "mmengine's iterations": dict(type='IterBasedTrainLoop', max_iters=5),
}


class Broken(Exception):
    """Raised by a training."""


class Watch(Hook):
    """Collects the processes that load data; can break off a training.

    Args:
        breaks: raise in the second iteration.
    """

    def __init__(self, breaks: bool = False):
        self.processes, self.breaks = set(), breaks

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.processes.update(multiprocessing.active_children())
        if self.breaks and runner.iter == 1:
            raise Broken

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.processes.update(multiprocessing.active_children())


def have_ended_of_themselves(processes: set) -> bool:
    """Whether they have returned: torch ends those with a signal for which it has waited in vain, 5 s for each."""
    return [process.exitcode for process in processes] == [0] * len(processes)


@pytest.mark.slow
@pytest.mark.parametrize('breaks', [False, True], ids=['to the end', 'with an error'])
@pytest.mark.parametrize('persistent', [True, False], ids=['persistent', 'of one pass'])
@pytest.mark.parametrize('loop', LOOPS)
def test_no_process_stays_after_a_training(loop, persistent, breaks, tmp_path):
    watch, others = Watch(breaks), set(multiprocessing.active_children())
    runner = make_runner(tmp_path, LOOPS[loop], {}, [watch], workers=2, persistent=persistent)
    try:
        with loader_workers_end(runner):
            runner.train()
    except Broken as error:
        # The traceback keeps the frames of mmengine's loop, and so the objects of a pass, alive.
        error.__traceback__ = None
    processes = watch.processes - others
    assert len(processes) >= 2 and have_ended_of_themselves(processes)


@pytest.mark.slow
def test_no_process_stays_after_train_and_test(configs, shapes, tmp_path, monkeypatch):
    watch, others = Watch(), set(multiprocessing.active_children())
    build = runs.build_runner

    def watched(cfg):
        runner = build(cfg)
        runner.register_hook(watch)
        return runner

    monkeypatch.setattr(runs, 'build_runner', watched)
    options = {f'{part}_dataloader.{key}': value for part in ('train', 'val', 'test') for key, value in (
        ('dataset.data_root', str(shapes)), ('num_workers', 1), ('persistent_workers', True))}
    options.update({'train_dataloader.batch_size': 4, 'train_cfg.max_epochs': 1})
    config = configs / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
    runs.train(load_config(config, options, tmp_path))
    trained = watch.processes - others
    assert len(trained) >= 1 and have_ended_of_themselves(trained)
    cfg = load_config(config, options, tmp_path)
    cfg.load_from = str(tmp_path / 'epoch_1.pth')
    runs.test(cfg)
    tested = watch.processes - others - trained
    assert len(tested) == 1 and have_ended_of_themselves(tested)
    assert set(multiprocessing.active_children()) <= others
