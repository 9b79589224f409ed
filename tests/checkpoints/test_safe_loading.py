"""Checkpoints load on every torch, and nothing in them runs."""
import collections
import functools
import http.server
import io
import json
import os
import pickle
import re
import shutil
import struct
import sys
import threading
import zipfile
from types import SimpleNamespace

import numpy
import pytest
import torch
from facts import assert_facts, raises
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner, checkpoint, load_checkpoint
from torch import nn

import mmmux  # noqa: F401  (importing it makes mmengine load safely)
from mmmux.checkpoints import safe_loading
from mmmux.checkpoints.restricted_pickle import RESTRICTED_PICKLE
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.utils.errors import CheckpointError

READERS = {"torch's reader": safe_loading._READER, 'restricted pickle': RESTRICTED_PICKLE}  # the same one before torch 2.6


@pytest.fixture(params=READERS if safe_loading._READER is not RESTRICTED_PICKLE else ['restricted pickle'])
def either_way(request, monkeypatch):
    """Read with torch's own reader (2.6 and later), or with the one that replaces it before."""
    monkeypatch.setattr(safe_loading, '_READER', READERS[request.param])
    return request.param


@pytest.fixture
def restricted_pickle(monkeypatch):
    """Read as before torch 2.6."""
    monkeypatch.setattr(safe_loading, '_READER', RESTRICTED_PICKLE)


class Model(BaseModel):

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, inputs, mode='tensor'):
        out = self.linear(torch.stack(inputs))
        return dict(loss=out.square().mean()) if mode == 'loss' else out


TRAINING = dict(
    train_dataloader=dict(dataset=[dict(inputs=row) for row in torch.ones(8, 4)], batch_size=2, num_workers=0,
                          sampler=dict(type='DefaultSampler', shuffle=False)),
    optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01)))


@pytest.fixture(scope='module')
def runner_checkpoint(tmp_path_factory):
    """The checkpoint that mmengine writes after an epoch: histories, optimizer, schedulers and meta besides the weights."""
    folder = tmp_path_factory.mktemp('run')
    runner = Runner(
        Model(), str(folder), **TRAINING, train_cfg=dict(by_epoch=True, max_epochs=1), experiment_name='safe_loading',
        param_scheduler=dict(type='LinearLR', start_factor=0.1, end=4, by_epoch=False),
        default_hooks=dict(checkpoint=dict(type=CheckpointHook, interval=1)))
    runner.train()
    return folder / 'epoch_1.pth', runner.model


def test_what_a_runner_saves_can_be_loaded(runner_checkpoint, either_way):
    file, trained = runner_checkpoint
    loaded = CheckpointLoader.load_checkpoint(str(file), map_location='cpu')
    losses = loaded['message_hub']['log_scalars']['train/loss']
    assert isinstance(losses, HistoryBuffer) and len(losses.data[0]) == 4
    assert losses.mean() == pytest.approx(losses.data[0].mean())
    model = Model()
    load_checkpoint(model, str(file), map_location='cpu')
    assert torch.equal(model.linear.weight, trained.linear.weight)


class Runs:
    """Calls a function when it is unpickled, as a malicious file would."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


ATTACKS = {
    'posix.system': lambda mark: Runs(os.system, f'touch {mark}'),
    'posix.mkdir': lambda mark: Runs(os.mkdir, str(mark)),
    'builtins.eval': lambda mark: Runs(eval, f"__import__('os').mkdir({str(mark)!r})"),
    'builtins.getattr': lambda mark: Runs(getattr, str(mark), 'upper'),
}


@pytest.mark.parametrize('reader', [load_checkpoint_file, CheckpointLoader.load_checkpoint])
@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
@pytest.mark.parametrize('attack', ATTACKS)
def test_code_is_refused_by_name_and_does_not_run(tmp_path, either_way, attack, zipped, reader):
    mark, file = tmp_path / 'ran', str(tmp_path / 'bad.pth')
    torch.save(dict(state_dict=dict(weight=torch.zeros(1)), meta=ATTACKS[attack](mark)), file,
               _use_new_zipfile_serialization=zipped)
    with raises(CheckpointError, file, attack.removeprefix('builtins.')):
        reader(file)
    assert not mark.exists()


def test_a_bare_pickle_is_refused_too(tmp_path, either_way):
    mark, file = tmp_path / 'ran', tmp_path / 'bad.pth'
    file.write_bytes(pickle.dumps(Runs(os.mkdir, str(mark))))
    with raises(CheckpointError, file):
        load_checkpoint_file(file)
    assert not mark.exists()


def test_a_function_reached_through_a_harmless_class_is_refused(tmp_path, either_way):
    # STACK_GLOBAL takes dotted names: HistoryBuffer.__init__.__globals__ would hand out every module it sees.
    file = tmp_path / 'bad.pth'
    code = b'\x80\x04\x8c%mmengine.logging.history_buffer\x8c\x21HistoryBuffer.__init__.__globals__\x93.'
    code = code.replace(b'\x8c%', b'\x8c' + bytes([len('mmengine.logging.history_buffer')]))
    code = code.replace(b'\x8c\x21', b'\x8c' + bytes([len('HistoryBuffer.__init__.__globals__')]))
    torch.save({}, file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, 'w') as archive:
        for name, content in parts.items():
            archive.writestr(name, code if name.endswith('data.pkl') else content)
    with raises(CheckpointError, file):
        load_checkpoint_file(file)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder served on this machine, with torch's download cache kept inside the test."""
    folder = tmp_path / 'served'
    folder.mkdir()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    for proxy in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(proxy, raising=False)

    class Quiet(http.server.SimpleHTTPRequestHandler):

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


def same(one, other):
    if isinstance(one, torch.Tensor):
        return type(one) is type(other) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return type(one) is type(other) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, numpy.ndarray):
        return one.dtype == other.dtype and numpy.array_equal(one, other)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_ordinary_content_comes_back_as_it_was(tmp_path, either_way, zipped):
    shared = torch.arange(6.)
    content = dict(
        state_dict=collections.OrderedDict(linear=torch.rand(2, 3), view=shared[2:], whole=shared,
                                           parameter=nn.Parameter(torch.rand(2))),
        dtypes=[torch.ones(2).to(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool,
                                                      torch.uint8, torch.complex64)],
        plain=(1, -2.5, True, None, 'text', b'bytes', 2 + 3j, [1, (2, )], {'a': 1}, {1, 2}, bytearray(b'b')),
        torch_values=[torch.float16, torch.Size([1, 2]), torch.device('cpu')],
        numpy=[numpy.float64(1.5), numpy.int64(3), numpy.arange(4.), numpy.arange(6, dtype=numpy.uint8).reshape(2, 3)],
        counts=collections.Counter('aab'))
    file = tmp_path / 'plain.pth'
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert same(load_checkpoint_file(file), content)


def test_names_of_numpy_1_and_2_are_both_read(tmp_path, either_way):
    history = HistoryBuffer([1., 2.], [1, 1])
    for package in ('numpy.core', 'numpy._core'):
        file = tmp_path / 'history.pth'
        torch.save(dict(history=history, value=numpy.float64(2)), file, _use_new_zipfile_serialization=False)
        # A module's name ends at a newline in this protocol, so it can be exchanged for one of another length.
        renamed = re.sub(rb'cnumpy\._?core\.multiarray\n', f'c{package}.multiarray\n'.encode(), file.read_bytes())
        assert f'c{package}.multiarray\n'.encode() in renamed
        file.write_bytes(renamed)
        loaded = load_checkpoint_file(file)
        assert loaded['history'].mean() == 1.5 and loaded['value'] == 2


@pytest.mark.parametrize('content', [b'', b'not a checkpoint\n', b'PK\x03\x04', b'\x80\x02.', None],
                         ids=['empty', 'text', 'start of a zip', 'empty pickle', 'missing'])
@pytest.mark.parametrize('reader', [load_checkpoint_file, CheckpointLoader.load_checkpoint])
def test_what_is_no_checkpoint_gets_one_sentence(tmp_path, either_way, content, reader):
    file = tmp_path / 'odd.pth'
    if content is not None:
        file.write_bytes(content)
    with raises(CheckpointError, file, *(['exist'] if content is None else [])):
        reader(str(file))


@pytest.fixture(params=[True, False], ids=['zip', 'legacy'])
def saved(request, runner_checkpoint, tmp_path):
    """A checkpoint's bytes, made once: the older format holds addresses in memory, whose lengths differ from time to time."""
    torch.save(torch.load(runner_checkpoint[0], weights_only=False), tmp_path / 'whole.pth',
               _use_new_zipfile_serialization=request.param)
    return (tmp_path / 'whole.pth').read_bytes()


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_gets_past_as_another_error(saved, tmp_path, either_way, data):
    file = tmp_path / 'damaged.pth'
    whole = bytearray(saved)
    place = st.integers(0, len(whole) - 1)
    for position in data.draw(st.lists(place, max_size=4)):
        whole[position] = data.draw(st.integers(0, 255))
    file.write_bytes(whole[:data.draw(place)] if data.draw(st.booleans()) else whole)
    try:
        load_checkpoint_file(file)  # damage inside a tensor's numbers cannot be found
    except CheckpointError as error:
        assert_facts(str(error), file)


# Changes and calls that torch refuses with weights_only=True, in a pickle of a checkpoint saved in the older format.
def shared(name: str) -> bytes:
    return b'cbuiltins\ngetattr\n(cmmengine.logging.history_buffer\nHistoryBuffer\nV' + name.encode() + b'\ntR'


STATES = {
    # Other defaults for a function that everybody shares.
    'function': shared('mean') + b'(}}V__defaults__\n(I5\ntstb',
    # Raw bytes in an array of a type with objects in it: numpy would take them for addresses of objects.
    'VoidDType': b'cnumpy\ndtype\n(VV8\nI00\nI01\ntR(I3\nV|\nNN}I8\nI1\nI0\ntb',
}


@pytest.mark.parametrize('kind', STATES)
def test_nothing_but_an_allowed_class_gets_a_state(tmp_path, restricted_pickle, kind):
    file = tmp_path / 'bad.pth'
    torch.save({}, file, _use_new_zipfile_serialization=False)
    file.write_bytes(file.read_bytes().replace(pickle.dumps({}, 2), b'\x80\x02' + STATES[kind] + b'.', 1))
    before = HistoryBuffer.mean.__defaults__
    with raises(CheckpointError, file, kind):
        load_checkpoint_file(file)
    assert HistoryBuffer.mean.__defaults__ == before


@pytest.mark.parametrize('code,asked', [
    (shared('current') + b'(I1\ntR', 'HistoryBuffer.current'),
    (b'(X\x06\0\0\0module' + shared('mean') + b'Va.py\nVtext\ntQ', "'module'"),  # may write a file
    (b'(ctorch\ndevice\nVcpu\no', 'pickle instruction'),
], ids=['call', 'module', 'old call'])
def test_nothing_else_is_called(tmp_path, restricted_pickle, code, asked):
    file = tmp_path / 'bad.pth'
    torch.save({}, file, _use_new_zipfile_serialization=False)
    file.write_bytes(file.read_bytes().replace(pickle.dumps({}, 2), b'\x80\x02' + code + b'.', 1))
    with raises(CheckpointError, file, asked):
        load_checkpoint_file(file)


def test_sparse_tensors_are_refused(tmp_path, either_way):
    """Their indices may be outside of their shape, and torch does not check this before it uses them."""
    torch.save(dict(a=torch.eye(2).to_sparse()), tmp_path / 'w.pth')
    with raises(CheckpointError, 'w.pth', 'torch._utils._rebuild_sparse_tensor'):
        load_checkpoint_file(tmp_path / 'w.pth')


@pytest.mark.slow
def test_other_threads_see_no_other_torch_load_or_list_of_classes(runner_checkpoint, tmp_path, monkeypatch):
    def somebody_elses(*args, **kwargs):
        raise AssertionError('not to be called')

    def look():
        while not ended.is_set():
            seen.add((torch.load, *safe_classes()))

    monkeypatch.setattr(torch, 'load', somebody_elses)
    safe_classes = getattr(torch.serialization, 'get_safe_globals', list)  # since torch 2.5
    before, seen, ended = tuple(safe_classes()), set(), threading.Event()
    (tmp_path / 'bad.pth').write_text('no')
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            CheckpointLoader.load_checkpoint(str(runner_checkpoint[0]), map_location='cpu')
            with pytest.raises(CheckpointError):
                CheckpointLoader.load_checkpoint(str(tmp_path / 'bad.pth'))
    finally:
        ended.set()
        thread.join()
    assert seen == {(somebody_elses, *before)}


def test_a_process_that_reads_nothing_but_weights_gets_a_sentence(tmp_path, monkeypatch):
    torch.save(dict(a=1), tmp_path / 'w.pth')
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    with raises(CheckpointError, 'w.pth', 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'):
        load_checkpoint_file(tmp_path / 'w.pth')


@pytest.mark.parametrize('place', ['in the checkpoint', 'in meta'])
def test_the_config_that_mmengine_runs_is_removed_or_refused_whatever_hides_it(tmp_path, either_way, place):
    hidden = collections.OrderedDict(config='import os')
    hidden.get = hidden.pop = set  # a pickle gives an OrderedDict its attributes, too
    content = dict(meta=hidden) if place == 'in meta' else collections.OrderedDict(meta=dict(config='import os'))
    content.__dict__.update(get=set) if place == 'in the checkpoint' else None
    torch.save(content, tmp_path / 'w.pth')
    if either_way == 'restricted pickle':
        with raises(CheckpointError, 'w.pth', 'OrderedDict'):
            load_checkpoint_file(tmp_path / 'w.pth')
    else:
        assert dict.get(load_checkpoint_file(tmp_path / 'w.pth'), 'meta') == {}


HISTORY = b'cmmengine.logging.history_buffer\nHistoryBuffer\n)\x81'


@pytest.mark.parametrize('code, asked', [
    (HISTORY + b'}V__array_interface__\n}sb', 'HistoryBuffer'),
    (HISTORY + b'}V_log_history\nV|\nsb', 'HistoryBuffer'),
    (b'cnumpy\nndarray\n(K\x01\x85Vu1\ntR', 'numpy.ndarray'),
    (b'ccollections\nOrderedDict\n)R}Vget\nc__builtin__\nset\nsb', 'OrderedDict'),
    (b'cnumpy\ndtype\n(Vf8\nI00\nI01\ntR(I3\nV<\nN(Va\nt}Va\n(cnumpy\ndtype\n(VO\ntRI0\ntsI-1\nI-1\nI0\ntb', 'Float64DType'),
    (b'cbuiltins\nbytearray\n)R(K\x01e', 'bytearray'),
    (b'ctorch._tensor\n_rebuild_from_type_v2\n', 'torch._tensor._rebuild_from_type_v2'),
], ids=['interface', 'history of text', 'array of any size', 'hidden methods', 'objects in numbers', 'append', 'any call'])
def test_objects_get_the_data_of_their_type_alone(tmp_path, restricted_pickle, code, asked):
    file = tmp_path / 'bad.pth'
    torch.save({}, file, _use_new_zipfile_serialization=False)
    file.write_bytes(file.read_bytes().replace(pickle.dumps({}, 2), b'\x80\x02' + code + b'.', 1))
    with raises(CheckpointError, file, asked):
        load_checkpoint_file(file)


def test_an_archive_with_two_lists_of_records_runs_nothing(tmp_path, either_way):
    """Python's zipfile sees the list before the end of the file, torch the one that the end names."""
    class Program(torch.nn.Module):
        def forward(self, x):
            return x

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Program()), buffer)
    data = buffer.getvalue()
    archive = zipfile.ZipFile(buffer)
    records, start = archive.infolist(), archive.start_dir
    size = sum(46 + len(record.filename) + len(record.extra) + len(record.comment) for record in records)
    name = b'x/a'
    rest = size - 46 - len(name)
    decoy = struct.pack('<IHHHHHHIIIHHHHHII', 0x02014b50, 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, rest, 0, 0, 0, 0) + name
    end = struct.pack('<IHHHHIIH', 0x06054b50, 0, 0, len(records), len(records), size, start, 0)
    file = tmp_path / 'bad.pth'
    file.write_bytes(data[:start + size] + decoy + b' ' * rest + end)
    assert 'constants.pkl' in torch._C.PyTorchFileReader(str(file)).get_all_records()
    with raises(CheckpointError, file):
        load_checkpoint_file(file)


def test_a_download_is_kept_and_a_failing_one_is_a_sentence(served):
    folder, address = served
    torch.save(dict(a=1), folder / 'w.pth')
    assert CheckpointLoader.load_checkpoint(f'{address}/w.pth?token=1') == dict(a=1)
    (folder / 'w.pth').unlink()
    assert CheckpointLoader.load_checkpoint(f'{address}/w.pth') == dict(a=1)
    with raises(CheckpointError, f'{address}/gone.pth', 404):
        CheckpointLoader.load_checkpoint(f'{address}/gone.pth')


@pytest.mark.parametrize('prefix,table', [
    ('torchvision://', 'get_torchvision_models'), ('modelzoo://', 'get_torchvision_models'), ('mmcls://', 'get_mmcls_models'),
    ('openmmlab://', None), ('open-mmlab://', None)])
def test_names_of_model_zoos(served, tmp_path, monkeypatch, prefix, table):
    folder, address = served
    torch.save(dict(state_dict={'backbone.a': torch.ones(1), 'head.a': torch.ones(1)}), folder / 'w.pth')
    torch.save(Runs(os.mkdir, str(tmp_path / 'ran')), folder / 'bad.pth')
    urls = dict(mine=f'{address}/w.pth', bad=f'{address}/bad.pth')
    if table:
        monkeypatch.setattr(checkpoint, table, lambda: urls)
    else:  # a user's own names
        (tmp_path / 'open_mmlab.json').write_text(json.dumps(dict(urls, file='served/w.pth')))
        monkeypatch.setenv('MMENGINE_HOME', str(tmp_path))
        assert 'head.a' in CheckpointLoader.load_checkpoint(f'{prefix}file')['state_dict']
    state = CheckpointLoader.load_checkpoint(f'{prefix}mine')['state_dict']
    assert list(state) == (['a'] if prefix == 'mmcls://' else ['backbone.a', 'head.a'])
    for name, facts in dict(bad=['posix.mkdir'], other=[f'{prefix}other', "'other'"]).items():
        with raises(CheckpointError, *facts):
            CheckpointLoader.load_checkpoint(f'{prefix}{name}')
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('place', ['s3://bucket/w.pth', 'petrel://bucket/w.pth', 'pavi://folder/w.pth'])
def test_object_stores(tmp_path, monkeypatch, place):
    """The real clients cannot be installed here; stand-ins return a file."""
    file = tmp_path / 'w.pth'
    torch.save(dict(a=1), file)

    class Client:
        Get = staticmethod(lambda *_, **__: memoryview(file.read_bytes()))

    model = SimpleNamespace(name='w.pth', download=lambda target: shutil.copy(file, target))
    client = SimpleNamespace(Client=lambda **_: Client())
    modules = {'petrel_client': SimpleNamespace(client=client), 'petrel_client.client': client,
               'pavi': SimpleNamespace(modelcloud=SimpleNamespace(get=lambda name: model))}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert CheckpointLoader.load_checkpoint(place) == dict(a=1)
    torch.save(Runs(os.mkdir, str(tmp_path / 'ran')), file)
    with raises(CheckpointError, 'w.pth', 'posix.mkdir'):
        CheckpointLoader.load_checkpoint(place)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.slow
def test_a_loader_that_was_there_before_stays(fresh_python):
    assert fresh_python("""
from mmengine.runner import CheckpointLoader
def theirs(filename, map_location): return 'theirs'
CheckpointLoader.register_scheme('http://', theirs, force=True)
CheckpointLoader.register_scheme('ours://', theirs)
import mmmux
print(*(CheckpointLoader.load_checkpoint(f'{prefix}a.pth', logger='silent') for prefix in ('http://', 'ours://')))
print(CheckpointLoader._get_checkpoint_loader('https://a.pth').__module__.partition('.')[0])
""").splitlines() == ['theirs theirs', 'mmmux']


@pytest.mark.slow
def test_importing_changes_what_is_documented_and_no_more(fresh_python):
    """docs/importing.md has the list."""
    fresh_python("""
import importlib, io, os, signal, sys
import matplotlib, mmcv, mmengine, numpy, torch
from mmengine.config.utils import MODULE2PACKAGE
matplotlib.use('svg')
forked = []
register, os.register_at_fork = os.register_at_fork, lambda **hooks: forked.append(hooks)
def seen():
    return dict(backend=matplotlib.get_backend(), stdout=sys.stdout, stderr=sys.stderr, hook=sys.excepthook, load=torch.load,
                signals=[signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
                threads=torch.get_num_threads(),
                packages={name: MODULE2PACKAGE[name] for name in MODULE2PACKAGE if name not in ('mmmux', 'mmseg')},
                type=torch.get_default_dtype())
before = seen()
for name in ('', '.models', '.checkpoints', '.config', '.engine.hooks', '.engine.runner', '.utils.fork_signals', '.apis',
             '.analysis.curves'):
    importlib.import_module('mmmux' + name)
assert seen() == before and not forked, (seen(), before, forked)
from mmmux.analysis.curves import Curves, plot_curves
plot_curves({'a': Curves(dict(loss=[(0., 2.), (1., 1.)]), {'m': [(1, .5)]})}, 'm', io.BytesIO())
assert seen() == before
""")


def test_files_in_memory_are_named_so():
    buffer = io.BytesIO(b'nothing')
    with raises(CheckpointError, 'from memory'):
        load_checkpoint_file(buffer)
