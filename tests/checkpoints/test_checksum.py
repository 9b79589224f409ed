import io

import pytest
import torch
from facts import assert_facts, raises

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


def test_every_single_changed_bit_is_found_or_changes_nothing(path, contents):
    seal(path)
    whole, found = path.read_bytes(), 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            check_intact(path)
        except CheckpointError as error:
            assert_facts(str(error), path)
            found += 1
        else:  # a bit of the mark: without the mark, the file is read as one without a checksum
            assert same(load_checkpoint_file(path), contents)
    assert found >= len(whole) - 10


def test_every_shorter_file_is_found(path, contents):
    unsealed = path.stat().st_size
    seal(path)
    whole = path.read_bytes()
    for length in range(0, unsealed, 7):
        path.write_bytes(whole[:length])
        with raises(CheckpointError, path):
            check_intact(path)
    path.write_bytes(whole[:-1])  # only a part of the checksum is missing
    check_intact(path)
    assert same(load_checkpoint_file(path), contents)


def test_files_without_a_checksum_are_read_completely(path, contents):
    """mmengine's own hook writes such files."""
    check_intact(path)
    whole = bytearray(path.read_bytes())
    whole[whole.index(contents['state_dict']['b'].numpy().tobytes())] ^= 1
    path.write_bytes(whole)
    assert not same(load_checkpoint_file(path), contents)  # torch compares nothing
    with raises(CheckpointError, path, 'damaged'):
        check_intact(path)


def test_files_before_torch_wrote_archives(path, contents):
    torch.save(contents, path, _use_new_zipfile_serialization=False)
    check_intact(path)
    with raises(CheckpointError, path, 'checksum', 'zip archive'):
        seal(path)
    path.write_bytes(path.read_bytes()[:-50])
    with raises(CheckpointError, path):
        check_intact(path)


def test_a_file_is_sealed_once(path):
    seal(path)
    with raises(CheckpointError, path, 'checksum', 'comment'):
        seal(path)
    check_intact(path)


def test_missing(tmp_path):
    with raises(CheckpointError, tmp_path / 'gone.pth', 'exist'):
        check_intact(tmp_path / 'gone.pth')
