"""What one training or test writes to is locked by the first of its processes, and refused to all processes of another."""
import os
from pathlib import Path

import pytest
from facts import assert_facts, raises
from forked_process import FORKED
from free_port import free_port
from lock_holder import facts_of, held_elsewhere, lock_is_free
from mmengine.config import Config

from mmmux.engine.runner.output_locks import outputs_locked, training_outputs
from mmmux.utils.errors import ConfigError
from mmmux.utils.write_lock import LOCK_FILE


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch):
    """Nor do the processes that are forked from this one."""
    monkeypatch.setattr('mmmux.utils.write_lock._SECONDS', 0)


def test_outputs_are_locked_while_the_context_lasts(tmp_path):
    with outputs_locked({'--work-dir': tmp_path / 'work', '--out': tmp_path / 'a.pkl', '--show-dir': None}):
        assert not lock_is_free(tmp_path / 'work')
        with raises(ConfigError, tmp_path / 'a.pkl', '--out', os.getpid()), outputs_locked({'--out': tmp_path / 'a.pkl'}):
            raise AssertionError('two runs write to one file')
    assert [path.name for path in tmp_path.iterdir()] == ['work'] and lock_is_free(tmp_path / 'work')


def test_one_folder_of_two_options_is_locked_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with outputs_locked({'--out': tmp_path / 'maps', '--show-dir': Path('x/../maps')}):
        assert not lock_is_free(tmp_path / 'maps')


def test_a_refusal_gives_back_what_was_locked_before(tmp_path):
    with held_elsewhere(tmp_path / 'drawn'):
        with raises(ConfigError, tmp_path / 'drawn', '--show-dir'), \
                outputs_locked({'--out': tmp_path / 'maps', '--show-dir': tmp_path / 'drawn'}):
            raise AssertionError('two runs write to one folder')
        assert lock_is_free(tmp_path / 'maps')


@pytest.mark.parametrize('hooks,second', [
    ({}, None), (dict(checkpoint=None), None), (dict(checkpoint=dict(type='CheckpointHook')), None),
    (dict(checkpoint=dict(out_dir='runs/a')), None), (dict(checkpoint=dict(out_dir='s3://bucket')), None),
    (dict(checkpoint=dict(out_dir='weights')), 'weights/a')])
def test_checkpoints_elsewhere_are_locked_there(hooks, second):
    """mmengine puts them into a folder of the work dir's name, which trainings in different work dirs may share."""
    outputs = training_outputs(Config(dict(work_dir='runs/a', default_hooks=hooks)))
    assert list(outputs.values()) == ['runs/a', *([second] if second else [])]
    assert 'default_hooks.checkpoint.out_dir' in outputs or not second


def rank(number: int, port: int, work: Path, answers) -> None:
    """One of two processes that train in a work dir; it answers with the holder that it sees, or the error."""
    import torch.distributed
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(number), WORLD_SIZE='2')
    torch.distributed.init_process_group('gloo', rank=number, world_size=2)
    try:
        with outputs_locked({'--work-dir': work}):
            torch.distributed.barrier()
            answers.put((number, os.getpid(), facts_of(work / LOCK_FILE)[0]))
            torch.distributed.barrier()
    except ConfigError as error:
        answers.put((number, os.getpid(), str(error)))
    answers.close()
    answers.join_thread()
    os._exit(0)  # the work is done; leaving in order can wait forever for threads of gloo


def two_ranks(work: Path) -> dict[int, list]:
    """Return [process number, answer] of each rank."""
    answers, port = FORKED.Queue(), free_port()
    processes = [FORKED.Process(target=rank, args=(number, port, work, answers), daemon=True) for number in range(2)]
    for process in processes:
        process.start()
    found = {number: rest for number, *rest in (answers.get(timeout=240) for _ in processes)}
    for process in processes:
        process.join()
    return found


def test_the_first_of_two_processes_holds_the_lock_for_both(tmp_path):
    found = two_ranks(tmp_path / 'work')
    assert [holder for _, holder in found.values()] == [found[0][0]] * 2


@pytest.mark.slow
def test_both_of_two_processes_are_refused(tmp_path):
    with held_elsewhere(tmp_path / 'work') as (number, ):
        found = two_ranks(tmp_path / 'work')
    for answer in (found[0][1], found[1][1]):
        assert_facts(answer, tmp_path / 'work', '--work-dir', number)
