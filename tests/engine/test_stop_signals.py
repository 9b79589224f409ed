"""What a process does with SIGTERM and Ctrl-C while StopSignals listens; each in a process of its own."""
import multiprocessing
import os
import signal
import time

import pytest
from mmengine.fileio.backends import LocalBackend
from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from mmmux.engine.stop_signals import StopSignals

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def in_a_child(body) -> int:
    """The status of a forked process that runs something: negative for the signal that has killed it."""
    pid = os.fork()
    if not pid:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        try:
            body()
            os._exit(0)
        except SystemExit as left:
            os._exit(left.code)
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def send(number: int, times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)
        time.sleep(0.01)


@pytest.mark.parametrize('number', SIGNALS)
class TestOneProcess:

    def test_first_signal_is_remembered(self, number):
        def body() -> None:
            signals = StopSignals()
            signals.watch()
            assert signals.agreed(7) == 0
            send(number)
            assert signals.received == signals.agreed(7) == number

        assert in_a_child(body) == 0

    def test_second_signal_ends_it(self, number):
        def body() -> None:
            StopSignals().watch()
            send(number, times=2)

        assert in_a_child(body) == -number

    def test_first_signal_ends_it_where_nothing_is_to_be_saved(self, number):
        def body() -> None:
            signals = StopSignals()
            signals.watch()
            signals.nothing_to_save = True
            send(number)

        assert in_a_child(body) == 128 + number

    def test_afterwards_it_is_as_it_was(self, number):
        def body() -> None:
            signals = StopSignals()
            signals.watch()
            signals.restore()
            send(number)

        assert in_a_child(body) == -number

    def test_children_end_as_ever(self, number):
        """A pool ends its processes with SIGTERM, and waits for them."""
        def body() -> None:
            signals = StopSignals()
            signals.watch()
            assert in_a_child(lambda: send(number)) == -number
            with multiprocessing.get_context('fork').Pool(2) as pool:
                assert pool.map(abs, range(-3, 3)) == [3, 2, 1, 0, 1, 2]
            assert not signals.received

        assert in_a_child(body) == 0

    def test_processes_that_load_data_stay_until_their_parent_leaves(self, number):
        def body() -> None:
            signals = StopSignals()
            signals.watch()
            loader = DataLoader(range(8), num_workers=2, batch_size=2, multiprocessing_context='fork')
            signals.keep_workers(loader)
            signals.keep_workers(loader)
            batches = iter(loader)
            next(batches)
            workers = multiprocessing.active_children()
            for worker in workers:
                os.kill(worker.pid, number)
            assert len(list(batches)) == 3
            loader = DataLoader(range(8), num_workers=1, multiprocessing_context='fork', persistent_workers=True)
            signals.keep_workers(loader)
            next(iter(loader))
            (worker, ) = multiprocessing.active_children()
            signals.restore()
            os.kill(worker.pid, number)
            worker.join(20)
            assert worker.exitcode == 0

        assert in_a_child(body) == 0


def prepare(worker: int) -> None:
    """A worker_init_fn."""
    os.environ['PREPARED'] = str(worker)


class Prepared:
    """Tells whether `prepare` was called."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> str:
        return os.environ.get('PREPARED', 'no')


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_the_loaders_own_preparation_is_done_too(method):
    loader = DataLoader(Prepared(), num_workers=1, worker_init_fn=prepare, multiprocessing_context=method)
    StopSignals().keep_workers(loader)
    assert list(loader) == [['0']]


class TestTraining:
    """Of a process of its own, which is asked to stop at some point."""

    @staticmethod
    def train(work, number: int, point: str, at: int, resume: bool = False, **train_cfg) -> int:
        from tiny_training import make_runner

        class Asked(Hook):
            """At a point of the training."""

        def ask(self, runner, *args, **options) -> None:
            if runner.iter == at:
                send(number)

        setattr(Asked, point, ask)
        train_cfg = dict(dict(type='mmmux.EpochBasedTrainLoop', max_epochs=3, val_interval=1), **train_cfg)
        return in_a_child(lambda: make_runner(work, train_cfg, dict(interval=1), hooks=[Asked()], resume=resume).train())

    @pytest.mark.parametrize('number', SIGNALS)
    @pytest.mark.parametrize('point,at,saved', [
        ('before_train_epoch', 0, 'stopped_iter_1.pth'),
        ('before_train_iter', 5, 'stopped_iter_6.pth'),
        ('after_train_iter', 7, 'stopped_iter_8.pth'),
        ('before_save_checkpoint', 8, 'epoch_2.pth'),
        ('before_val', 8, 'epoch_2.pth'),
        ('after_val_iter', 8, 'epoch_2.pth'),
        ('after_val_epoch', 12, 'epoch_3.pth'),
    ])
    def test_saves_and_goes_on_exactly(self, tmp_path, number, point, at, saved):
        from interruptions import differences
        assert self.train(tmp_path / 'alone', number, 'before_train_iter', -1) == 0
        assert self.train(tmp_path / 'asked', number, point, at) == 128 + number
        assert (tmp_path / 'asked/last_checkpoint').read_text().endswith(saved)
        assert self.train(tmp_path / 'asked', number, 'before_train_iter', -1, resume=True) == 0
        assert differences(tmp_path / 'asked/epoch_3.pth', tmp_path / 'alone/epoch_3.pth') == []
        assert not list((tmp_path / 'asked').glob('stopped*'))

    def test_mmengines_loop_keeps_whole_epochs(self, tmp_path):
        assert self.train(tmp_path, signal.SIGTERM, 'before_train_iter', 6, type='EpochBasedTrainLoop') == 143
        assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['epoch_1.pth']

    def test_while_a_checkpoint_is_written(self, tmp_path, monkeypatch):
        put = LocalBackend.put

        def asked(self, contents, path) -> None:
            if 'epoch_2' in str(path):
                send(signal.SIGTERM)
            put(self, contents, path)

        monkeypatch.setattr(LocalBackend, 'put', asked)
        assert self.train(tmp_path, signal.SIGTERM, 'before_train_iter', -1) == 143
        assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_2.pth')
