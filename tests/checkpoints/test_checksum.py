import io

import pytest
import torch

from mmmux.checkpoints.checksum import check_intact, seal
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.utils.errors import CheckpointError


@pytest.fixture
def contents():
    torch.manual_seed(0)
    return dict(meta=dict(epoch=1, cfg='a = 1\n' * 30), state_dict={'a.weight': torch.randn(8, 8), 'b': torch.randn(5)})


@pytest.fixture
def path(contents, tmp_path):
    torch.save(contents, tmp_path / 'epoch_1.pth')
    return tmp_path / 'epoch_1.pth'


def same(one: dict, other: dict) -> bool:
    return one['meta'] == other['meta'] and one['state_dict'].keys() == other['state_dict'].keys() and all(
        torch.equal(value, other['state_dict'][key]) for key, value in one['state_dict'].items())


@pytest.mark.parametrize('options', [{}, dict(mmap=True)])
def test_sealed_files_are_what_they_were_to_torch(path, contents, options):
    seal(path)
    check_intact(path)
    assert same(torch.load(str(path), weights_only=True, **options), contents)
    assert same(torch.load(io.BytesIO(path.read_bytes()), weights_only=True), contents)
    assert same(load_checkpoint_file(path), contents)


def test_every_single_changed_bit_is_told_or_changes_nothing(path, contents):
    seal(path)
    whole, told = path.read_bytes(), 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            check_intact(path)
        except CheckpointError as error:
            assert str(path) in str(error) and '\n' not in str(error)
            told += 1
        else:  # the mark itself, without which the file is read as one without a checksum
            assert same(load_checkpoint_file(path), contents)
    assert told >= len(whole) - 10


def test_every_shorter_file_is_told(path, contents):
    unsealed = path.stat().st_size
    seal(path)
    whole = path.read_bytes()
    for length in range(0, unsealed, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r'epoch_1\.pth'):
            check_intact(path)
    path.write_bytes(whole[:-1])  # nothing but a part of the checksum is missing
    check_intact(path)
    assert same(load_checkpoint_file(path), contents)


def test_files_of_others_are_read_from_end_to_end(path, contents):
    """As mmengine's own hook writes them."""
    check_intact(path)
    whole = bytearray(path.read_bytes())
    whole[whole.index(contents['state_dict']['b'].numpy().tobytes())] ^= 1
    path.write_bytes(whole)
    assert not same(load_checkpoint_file(path), contents)  # torch compares nothing
    with pytest.raises(CheckpointError, match='damaged'):
        check_intact(path)


def test_files_before_torch_wrote_archives(path, contents):
    torch.save(contents, path, _use_new_zipfile_serialization=False)
    check_intact(path)
    with pytest.raises(CheckpointError, match=r'epoch_1\.pth is no archive'):
        seal(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match=r'epoch_1\.pth'):
        check_intact(path)


def test_a_file_is_sealed_once(path):
    seal(path)
    with pytest.raises(CheckpointError, match='cannot be sealed'):
        seal(path)
    check_intact(path)


def test_missing(tmp_path):
    with pytest.raises(CheckpointError, match=r'gone\.pth does not exist'):
        check_intact(tmp_path / 'gone.pth')
