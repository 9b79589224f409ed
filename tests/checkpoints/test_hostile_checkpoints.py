"""Checkpoints made to run code, to fill the memory or to load for years are refused with one sentence, and do none of it."""
import io
import pickle
import struct
import tarfile
import zipfile
from types import SimpleNamespace

import pytest
import torch
from facts import assert_facts, raises
from hostile_readers import READERS, resealed
from limited_process import limited, outcome
from reliability_record import record
from torch import nn

from mmmux.checkpoints import safe_loading
from mmmux.checkpoints.bombs import check_pickle
from mmmux.checkpoints.pretrained import check_numbers, dataset_meta_of
from mmmux.checkpoints.restricted_pickle import RESTRICTED_PICKLE
from mmmux.utils.errors import CheckpointError


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def saved(contents, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(contents, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def packed(code: bytes, compression: int = zipfile.ZIP_STORED, **more: bytes) -> bytes:
    """An archive as torch.save makes it, around another pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', compression) as archive:
        for name, part in {'data.pkl': code, 'byteorder': b'little', 'version': b'3\n', **more}.items():
            archive.writestr(f'archive/{name}', part)
    return buffer.getvalue()


def doubled(times: int) -> bytes:
    """A tuple of a tuple twice, of another one twice, ..., as the key of a dict: hashing it takes 2**times steps."""
    tuples = b''.join(b'q' + bytes([number]) + b'h' + bytes([number]) + b'\x86' for number in range(times))
    return b'\x80\x02}K\x01' + tuples + b'K\x01s.'


def in_lists(times: int) -> bytes:
    """The same of lists that are filled after all of them are there, the outermost first."""
    lists = b''.join(b']q' + bytes([number]) + b'0' for number in range(times))
    fill = b''.join(b'h' + bytes([number]) + (b'(h' + bytes([number + 1]) + b'h' + bytes([number + 1]) + b'e0')
                    for number in range(times - 1))
    return b'\x80\x02' + lists + fill + b'h\x00.'


def same_hashes(count: int) -> bytes:
    """Return a dict whose keys are multiples of 2**61 - 1; all of these have the hash 0."""
    keys = (b'\x8a\x0a' + ((2**61 - 1) * number).to_bytes(10, 'little') + b'K\0' for number in range(count))
    return b'\x80\x02}(' + b''.join(keys) + b'u.'


def overlapping() -> bytes:
    """An archive whose table of contents names the same bytes many times."""
    data = bytearray(packed(b'\x80\x02}.', **{f'data/{number}': bytes(1000) for number in range(50)}))
    first = data.index(b'archive/data/0')  # of the local headers; the table's own entries come later
    table = data.index(b'PK\1\2')
    while (place := data.find(b'PK\1\2', table)) >= 0:
        if data[place + 46:place + 59] == b'archive/data/':
            data[place + 20:place + 28] = struct.pack('<II', 10**6, 10**6)
            data[place + 42:place + 46] = struct.pack('<I', first - 30)
        table = place + 4
    return bytes(data)


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors'):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
            archive.addfile(link)
    return buffer.getvalue()


def script() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def wrong_number_of_elements(**more: bytes) -> bytes:
    """A tensor of four numbers that claims 2**18."""
    whole = saved(dict(state_dict=dict(w=torch.arange(4.))))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        code = archive.read('archive/data.pkl')
        data = archive.read('archive/data/0')
    large = b'J' + struct.pack('<i', 2**18)
    return packed(code.replace(b'K\x04', large), **{'data/0': data, **more})


# Counts of nested pairs are those of the first container above the limit of 10,000,000 values: 2**24 - 1.
TOO_MANY = '16,777,215', '10,000,000'
BOMBS = {
    'compressed': (lambda: packed(b'\x80\x02}.', zipfile.ZIP_DEFLATED, **{'data/0': bytes(2**26)}),
                   ("'archive/data.pkl'", 'torch.save')),
    'overlapping parts': (overlapping, ('53', '50,000,012')),
    'the same name twice': (lambda: packed(b'\x80\x02}.', **{'DATA.pkl': b'\x80\x02}.'}), (4, 3)),
    'hashed for years': (lambda: packed(doubled(60)), TOO_MANY),
    'hashed for years, legacy': (lambda: saved({}, zipped=False).replace(pickle.dumps({}, 2), doubled(60), 1), TOO_MANY),
    'walked for years': (lambda: packed(in_lists(60)), TOO_MANY),
    'inside itself': (lambda: packed(b'\x80\x02]q\0h\0a.'), ('contains itself', )),
    'a hundred thousand deep': (lambda: packed(b'\x80\x02}' + b')' + b'\x85' * 10**5 + b'K\x01s.'), ('201', '200')),
    'all with one hash': (lambda: packed(same_hashes(10**5)), ('99,999', '1,000', 'hash')),
    'bytes of a number': (lambda: saved(dict(a=Call(bytearray, 2**33))), ('bytearray', )),
    'bytes of a number, legacy': (lambda: saved(dict(a=Call(bytearray, 2**33)), zipped=False), ('bytearray', )),
    'a string of 2**60': (lambda: packed(b'\x80\x04\x8e' + struct.pack('<Q', 2**60) + b'a.'), (2**60, )),
    'more elements than bytes': (wrong_number_of_elements, (f'{4 * 2**18:,}', "'0'", '16')),
    'elements of another folder': (lambda: wrong_number_of_elements(**{'other/data/0': bytes(2**20)}),
                                   (f'{4 * 2**18:,}', "'0'", '16')),
    'tar': (tar, ('epoch_1.pth', )),
    'TorchScript': (script, ('TorchScript', 'state_dict')),
    'a class is changed': (lambda: packed(b'\x80\x02ccollections\nOrderedDict\n}U\x04nameK\x01sb.'),
                           ('collections.OrderedDict', 'BUILD')),
    'a list of weights': (lambda: saved([torch.ones(2)]), None),  # no attack
}


# With torch's own reader, and with the one that replaces it before torch 2.6.
WAYS = {safe_loading._READER.__name__: safe_loading._READER, RESTRICTED_PICKLE.__name__: RESTRICTED_PICKLE}.values()


def read_both_ways(path) -> list[str]:
    outcomes = []
    for way in WAYS:
        safe_loading._READER = way  # only in this child process
        outcomes.append(outcome(READERS['checkpoints'].read, path))
    return outcomes


@pytest.mark.slow
@pytest.mark.parametrize('seal', [False, True], ids=['', 'sealed'])
@pytest.mark.parametrize('case', BOMBS)
def test_bombs(case, seal, tmp_path):
    make, facts = BOMBS[case]
    data = make()
    if seal and not data.startswith(b'PK'):
        pytest.skip('only archives are sealed')
    (tmp_path / 'epoch_1.pth').write_bytes(resealed(data) if seal else data)
    for found in limited(read_both_ways, tmp_path / 'epoch_1.pth', seconds=30):
        if facts is None:
            assert found == 'a value'
        else:
            assert_facts(found, 'epoch_1.pth', *facts)
    record('hostile input', f'checkpoint: {case}', tried=len(WAYS), lost=0, of='files')


def read_every_cut(folder, data: bytes, step: int) -> int:
    cuts = range(0, len(data), step)
    for kept in cuts:
        (folder / 'epoch_1.pth').write_bytes(data[:kept])
        assert outcome(READERS['checkpoints'].read, folder / 'epoch_1.pth') != 'a value'
    return len(cuts)


def test_cut_anywhere(tmp_path):
    """A file that lacks more than the end of its checksum is refused."""
    seeds = READERS['checkpoints'].seeds()
    tried = sum(limited(read_every_cut, tmp_path, data, 13) for data in seeds[:2])
    record('hostile input', 'checkpoints cut short', tried=tried, lost=0, of='files')


def test_ordinary_pickles_pass():
    shared = tuple(range(100))
    check_pickle(pickle.dumps(dict(a=[shared] * 1000, b={number: {} for number in range(10**4)}, c=bytearray(b'a')), 2))
    with raises(CheckpointError, f'{1 + 1000 * (1 + 1000 * 101):,}', '10,000,000'):
        check_pickle(pickle.dumps([[shared] * 1000] * 1000, 2))


class TestNumbers:

    @staticmethod
    def refused(state: dict, *facts) -> None:
        with raises(CheckpointError, 'given.pth', *facts) as error:
            check_numbers(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), state, 'given.pth')
        assert str(error.value).isprintable()

    @pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
    @pytest.mark.parametrize('key', ['0.weight', '1.running_var'])
    def test_that_are_none(self, value, key):
        state = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).state_dict()
        state[key].view(-1)[1] = value
        self.refused(state, f'1 of {state[key].numel()}', f"'{key}'", 'NaN')

    @pytest.mark.parametrize('dtype', [torch.complex64, torch.int8, torch.bool])
    def test_of_another_kind(self, dtype):
        self.refused({'0.bias': torch.ones(4).to(dtype)}, "'0.bias'", dtype, torch.float32)

    @pytest.mark.parametrize('value', [torch.ones(4).numpy(), torch.ones(4, device='meta'), torch.ones(4).to_sparse(),
                                       SimpleNamespace(shape=torch.Size([4]))])
    def test_that_are_no_tensor_with_data(self, value):
        self.refused({'0.bias': value}, "'0.bias'", torch.float32)

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
    def test_of_other_precision_are_fine(self, dtype):
        check_numbers(nn.Conv2d(3, 4, 1), {'bias': torch.ones(4, dtype=dtype)}, 'given.pth')

    def test_that_are_not_asked_for(self):
        endless = torch.ones(1).expand(2**50)  # one number in memory
        check_numbers(nn.Conv2d(3, 4, 1), {'bias': endless, 'other': torch.tensor(float('nan'))}, 'given.pth')


@pytest.mark.parametrize('meta', [None, [], 'text', dict(dataset_meta=[1]), dict(dataset_meta=dict(classes=('a', )))])
def test_dataset_meta(meta):
    expected = dict(classes=('a', )) if isinstance(meta, dict) and isinstance(meta['dataset_meta'], dict) else {}
    assert dataset_meta_of(dict(meta=meta)) == expected
