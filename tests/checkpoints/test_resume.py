import shutil

import pytest
import torch
from facts import assert_facts, missing_facts, raises

from mmmux.checkpoints.checksum import seal
from mmmux.checkpoints.resume import mend_pointer, point_to
from mmmux.utils.errors import CheckpointError


@pytest.fixture
def work(tmp_path):
    """Checkpoints of three epochs, a best one without the training's state, and a later epoch of an earlier training."""
    for epoch in (1, 2, 3):
        save(tmp_path / f'epoch_{epoch}.pth', epoch, f'2030{epoch:02d}')
    save(tmp_path / 'best_mAP_epoch_3.pth', 3, '203012', optimizer=False)
    save(tmp_path / 'epoch_12.pth', 12, '2029')
    point_to(tmp_path, tmp_path / 'epoch_3.pth')
    return tmp_path


def save(path, epoch: int, time: str, optimizer: bool = True) -> None:
    state = dict(meta=dict(epoch=epoch, iter=10 * epoch, time=time), state_dict=dict(a=torch.rand(100)), message_hub={})
    torch.save(dict(state, optimizer={}) if optimizer else state, path)
    seal(path)


def damage(path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)


def pointer(work) -> str:
    return (work / 'last_checkpoint').read_text()


def test_the_checkpoint_in_the_pointer_is_taken(work):
    assert mend_pointer(work, work) == work / 'epoch_3.pth' and pointer(work) == str(work / 'epoch_3.pth')


@pytest.mark.parametrize('harm', [
    damage, lambda path: path.write_bytes(path.read_bytes()[:300]), lambda path: path.write_bytes(b''),
    lambda path: path.unlink()
])
def test_the_one_before_is_taken_where_it_cannot_be_read(work, harm, log):
    """Neither the best checkpoint, which has no optimizer, nor the one of the earlier training is taken."""
    harm(work / 'epoch_3.pth')
    assert mend_pointer(work, work) == work / 'epoch_2.pth' and pointer(work) == str(work / 'epoch_2.pth')
    (message, ) = [message for message in log.messages if not missing_facts(message, work / 'epoch_3.pth')]
    assert_facts(message, work / 'epoch_3.pth', work / 'epoch_2.pth')


def test_two_in_a_row(work):
    for epoch in (3, 2):
        damage(work / f'epoch_{epoch}.pth')
    assert mend_pointer(work, work) == work / 'epoch_1.pth'


def test_without_a_pointer_the_latest_is_taken(work):
    (work / 'last_checkpoint').unlink()
    assert mend_pointer(work, work) == work / 'epoch_3.pth'
    (work / 'last_checkpoint').write_text('')
    assert mend_pointer(work, work) == work / 'epoch_3.pth'


def test_folders_that_were_moved(work, tmp_path_factory):
    moved = tmp_path_factory.mktemp('elsewhere') / 'work'
    shutil.move(work, moved)
    assert mend_pointer(moved, moved) == moved / 'epoch_3.pth' and pointer(moved) == str(moved / 'epoch_3.pth')


def test_nothing_yet(tmp_path):
    assert mend_pointer(tmp_path, tmp_path) is None and mend_pointer(tmp_path / 'new', tmp_path / 'new') is None


@pytest.mark.parametrize('removed', [True, False])
def test_none_is_left(work, removed):
    for path in work.glob('*.pth'):
        path.unlink() if removed else damage(path)
    with raises(CheckpointError, work / 'epoch_3.pth', work, '--resume'):
        mend_pointer(work, work)
