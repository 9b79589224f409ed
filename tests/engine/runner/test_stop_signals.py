"""A process gets SIGTERM and Ctrl-C while StopSignals listens; each test runs in a process of its own."""
import multiprocessing
import os
import signal
import time

import pytest
from forked_process import FORKED
from interruptions import differences
from mmengine.fileio.backends import LocalBackend
from mmengine.hooks import Hook
from tiny_training import make_runner
from torch.utils.data import DataLoader

from mmmux.engine.runner.stop_signals import StopSignals, handlers_restored

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def status_of(body, *args, context=FORKED) -> int:
    """The status of a process that runs something: negative for the signal that has killed it."""
    process = context.Process(target=_run, args=(body, args))
    process.start()
    process.join(120)
    hangs = process.exitcode is None
    process.kill()
    process.join()
    assert not hangs
    return process.exitcode


def _run(body, args) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    body(*args)


def send(number: int, times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)
        time.sleep(0.01)


def watching() -> StopSignals:
    signals = StopSignals()
    signals.watch()
    return signals


def remember(number: int) -> None:
    signals = watching()
    assert signals.agreed(7) == 0
    send(number)
    assert signals.received == signals.agreed(7) == number


def get_two(number: int) -> None:
    watching()
    send(number, times=2)


def get_one_with_nothing_to_save(number: int) -> None:
    watching().nothing_to_save = True
    send(number)


def get_one_afterwards(number: int) -> None:
    watching().restore()
    send(number)


def have_children(number: int) -> None:
    signals = watching()
    fork = multiprocessing.get_context('fork')
    child = fork.Process(target=send, args=(number, ))
    child.start()
    child.join()
    assert child.exitcode == -number
    with fork.Pool(2) as pool:  # it ends its processes with SIGTERM, and waits for them
        assert pool.map(abs, range(-3, 3)) == [3, 2, 1, 0, 1, 2]
    assert not signals.received


def have_children_after_another(number: int) -> None:
    left_behind = watching()  # by a training that failed
    have_children(number)
    assert not left_behind.received


def load_data(number: int) -> None:
    signals = watching()
    loader = DataLoader(range(8), num_workers=2, batch_size=2, multiprocessing_context='fork')
    signals.keep_workers(loader)
    signals.keep_workers(loader)
    batches = iter(loader)
    next(batches), next(batches)  # one of each process: both have begun
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, number)
    assert len(list(batches)) == 2
    loader = DataLoader(range(8), num_workers=1, multiprocessing_context='fork', persistent_workers=True)
    signals.keep_workers(loader)
    next(iter(loader))
    (worker, ) = multiprocessing.active_children()
    signals.restore()
    os.kill(worker.pid, number)
    worker.join(20)
    assert worker.exitcode == 0


def fail_while_loading() -> None:
    signals = watching()
    loader = DataLoader(range(8), num_workers=1, multiprocessing_context='fork', persistent_workers=True)
    signals.keep_workers(loader)
    batches = iter(loader)
    next(batches)
    raise RuntimeError('a training that fails, with all that it has started')


def test_a_process_of_multiprocessing_that_fails_ends():
    """It ends by another way than a program; its own child processes must not wait for the other's."""
    assert status_of(fail_while_loading) == 1


@pytest.mark.parametrize('number', SIGNALS)
class TestOneProcess:

    def test_first_signal_is_remembered(self, number):
        assert status_of(remember, number) == 0

    def test_second_signal_ends_it(self, number):
        assert status_of(get_two, number) == -number

    def test_first_signal_ends_it_where_nothing_is_to_be_saved(self, number):
        assert status_of(get_one_with_nothing_to_save, number) == 128 + number

    def test_afterwards_it_is_as_it_was(self, number):
        assert status_of(get_one_afterwards, number) == -number

    def test_children_end_as_ever(self, number):
        assert status_of(have_children, number) == 0

    def test_children_end_as_ever_after_a_training_that_failed(self, number):
        assert status_of(have_children_after_another, number) == 0

    def test_processes_that_load_data_stay_until_their_parent_leaves(self, number):
        assert status_of(load_data, number) == 0


def prepare(worker: int) -> None:
    """A worker_init_fn."""
    os.environ['PREPARED'] = str(worker)


class Prepared:
    """Record whether `prepare` was called."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> str:
        return os.environ.get('PREPARED', 'no')


@pytest.mark.slow
@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_the_loaders_own_preparation_is_done_too(method):
    loader = DataLoader(Prepared(), num_workers=1, worker_init_fn=prepare, multiprocessing_context=method)
    StopSignals().keep_workers(loader)
    assert list(loader) == [['0']]


class Asked(Hook):
    """Has the process asked to stop at a point of its training.

    Args:
        number: of the signal.
        point: name of a hook's method, or 'writing NAME' for while a file of that name is written.
        at: iteration.
    """

    def __init__(self, number: int, point: str, at: int):
        def ask(runner, *args, **options) -> None:
            if runner.iter == at:
                send(number)

        if point.startswith('writing '):
            put = LocalBackend.put

            def asked_put(backend, contents, path) -> None:
                if point.removeprefix('writing ') in str(path):
                    send(number)
                put(backend, contents, path)

            LocalBackend.put = asked_put  # its process is of this training alone
        else:
            setattr(self, point, ask)


def train(work, train_cfg: dict, resume: bool, asked: tuple | None) -> None:
    hooks = [Asked(*asked)] if asked else []
    make_runner(work, train_cfg, dict(interval=1), hooks=hooks, resume=resume).train()


def training_status(work, asked: tuple | None = None, resume: bool = False, **train_cfg) -> int:
    train_cfg = dict(dict(type='mmmux.EpochBasedTrainLoop', max_epochs=3, val_interval=1), **train_cfg)
    return status_of(train, work, train_cfg, resume, asked)


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
    """Return the last checkpoint of an uninterrupted training."""
    folder = tmp_path_factory.mktemp('alone')
    assert training_status(folder) == 0
    return folder / 'epoch_3.pth'


def test_a_training_that_failed_listens_no_longer(tmp_path):
    class Broken(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
            assert signal.getsignal(signal.SIGTERM) is not before
            raise ValueError

    before = signal.getsignal(signal.SIGTERM)
    runner = make_runner(tmp_path, dict(type='mmmux.EpochBasedTrainLoop', max_epochs=1), {}, hooks=[Broken()])
    with pytest.raises(ValueError), handlers_restored():
        runner.train()
    assert signal.getsignal(signal.SIGTERM) is before


class TestTraining:
    """It is asked to stop at some point."""

    @pytest.mark.slow
    @pytest.mark.parametrize('number', [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)])
    @pytest.mark.parametrize('point,at,saved', [
        ('before_train_epoch', 0, 'stopped_iter_1.pth'),
        ('before_train_iter', 5, 'stopped_iter_6.pth'),
        ('after_train_iter', 7, 'stopped_iter_8.pth'),
        ('before_save_checkpoint', 8, 'epoch_2.pth'),
        ('before_val', 8, 'epoch_2.pth'),
        ('after_val_iter', 8, 'epoch_2.pth'),
        ('after_val_epoch', 12, 'epoch_3.pth'),
    ])
    def test_saves_and_goes_on_exactly(self, tmp_path, alone, number, point, at, saved):
        assert training_status(tmp_path, (number, point, at)) == 128 + number
        assert (tmp_path / 'last_checkpoint').read_text().endswith(saved)
        assert training_status(tmp_path, resume=True) == 0
        assert differences(tmp_path / 'epoch_3.pth', alone) == []
        assert not list(tmp_path.glob('stopped*'))

    def test_mmengines_loop_keeps_whole_epochs(self, tmp_path):
        assert training_status(tmp_path, (signal.SIGTERM, 'before_train_iter', 6), type='EpochBasedTrainLoop') == 143
        assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['epoch_1.pth']

    def test_while_a_checkpoint_is_written(self, tmp_path):
        assert training_status(tmp_path, (signal.SIGTERM, 'writing epoch_2', 0)) == 143
        assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_2.pth')
