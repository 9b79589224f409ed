"""Private names of other libraries: each one that mmmux uses exists, and mmmux/utils/compat.py alone uses them.

Only one test here imports mmmux, so that a private name that has gone is named also where mmmux cannot be imported without it.
"""
import ast
import importlib
import inspect
import io
import pickle
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import HistoryBuffer
from mmengine.model import ImgDataPreprocessor
from mmengine.optim import OptimWrapper
from mmengine.runner import CheckpointLoader, Runner
from mmengine.utils import digit_version
from torch import nn
from torch.utils.data import DataLoader

REPOSITORY = Path(__file__).resolve().parents[2]
COMPAT = REPOSITORY / 'mmmux/utils/compat.py'
SOURCES = [path for folder in ('mmmux', 'tools', 'demo', 'benchmarks') for path in sorted((REPOSITORY / folder).rglob('*.py'))
           # A copy of startup_finder.py runs without mmmux, so that the name it uses stands in it.
           if path != COMPAT and path.name != 'startup_finder.py']

# The names that compat.py uses, and those that other modules compare with the names inside a checkpoint.
TORCH_READS_MORE = digit_version(torch.__version__) >= digit_version('2.6.0')
PRIVATE = {
    'multiprocessing.util': ['Finalize'],
    'pickle': ['_Unpickler'],
    'pickle._Unpickler': [
        'dispatch', 'load_additems', 'load_append', 'load_appends', 'load_binpersid', 'load_build', 'load_newobj',
        'load_reduce', 'load_setitem', 'load_setitems', 'metastack', 'stack'],
    'torch': ['_C', '_weights_only_unpickler'],
    'torch._C.PyTorchFileReader': ['get_all_records'],
    'torch._tensor': ['_rebuild_from_type_v2'],
    'torch._utils': ['_rebuild_sparse_tensor'],
    'torch._weights_only_unpickler': ['_get_allowed_globals', *(['_add_safe_globals'] if TORCH_READS_MORE else [])],
    'torch.nn.modules.batchnorm': ['_BatchNorm'],
    'torch.nn.modules.batchnorm._BatchNorm': ['_check_input_dim'],
    'torch.nn.Module.state_dict': ['_metadata'],
    'torch.utils.data.DataLoader': ['_iterator'],
    'torch.utils.data.dataloader._MultiProcessingDataLoaderIter': ['_shutdown_workers'],
    'mmengine.config.utils': ['MODULE2PACKAGE'],
    'mmengine.dataset.BaseDataset': ['_metainfo'],
    'mmengine.hooks.CheckpointHook': ['_save_checkpoint_with_step'],
    'mmengine.logging.HistoryBuffer': ['_count_history', '_log_history'],
    'mmengine.model.ImgDataPreprocessor': ['_channel_conversion'],
    'mmengine.optim.OptimWrapper': ['_accumulative_counts'],
    'mmengine.runner.CheckpointLoader': ['_schemes'],
    'mmengine.runner.EpochBasedTrainLoop': ['_decide_current_val_interval'],
    'mmengine.runner.IterBasedTrainLoop': ['_decide_current_val_interval'],
    'mmengine.runner.Runner': ['_test_loop', '_train_loop', '_val_loop'],
    'mmengine.runner.checkpoint': ['DEFAULT_CACHE_DIR', 'ENV_MMENGINE_HOME', 'ENV_XDG_CACHE_HOME'],
    'mmengine.runner.loops._InfiniteDataloaderIterator': ['_iterator'],
}
# Documented names with an underscore. pymoo's are the methods that a user's subclass has to define.
DOCUMENTED = {'os._exit'}
DOCUMENTED_METHODS = {
    'pymoo.core.operator.Operator._do', 'pymoo.core.problem.Problem._evaluate', 'pymoo.core.repair.Repair._do'}


def loaded_unpickler():
    """An unpickler that has read None: reading sets some of its attributes."""
    unpickler = pickle._Unpickler(io.BytesIO(pickle.dumps(None)))
    unpickler.load()
    return unpickler


def attributes_of_loops() -> SimpleNamespace:
    """The attributes that a runner's properties of its loops read; a runner itself would need a training."""
    loops = [getattr(Runner, name).fget.__code__.co_names for name in ('train_loop', 'val_loop', 'test_loop')]
    return SimpleNamespace(**dict.fromkeys(name for names in loops for name in names))


INSTANCES = {  # owners of attributes that only their objects have
    'pickle._Unpickler': loaded_unpickler,
    'torch.nn.Module.state_dict': nn.Module().state_dict,
    'torch.utils.data.DataLoader': lambda: DataLoader([0]),
    'mmengine.dataset.BaseDataset': lambda: BaseDataset(lazy_init=True),
    'mmengine.logging.HistoryBuffer': HistoryBuffer,
    'mmengine.model.ImgDataPreprocessor': ImgDataPreprocessor,
    'mmengine.optim.OptimWrapper': lambda: OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)),
    'mmengine.runner.Runner': attributes_of_loops,
    'mmengine.runner.loops._InfiniteDataloaderIterator':
        lambda: pkgutil.resolve_name('mmengine.runner.loops._InfiniteDataloaderIterator')(DataLoader([0])),
}


def is_there(owner: str, name: str) -> bool:
    try:
        return hasattr(INSTANCES[owner]() if owner in INSTANCES else pkgutil.resolve_name(owner), name)
    except (AttributeError, ImportError):
        return False


@pytest.mark.family
@pytest.mark.parametrize(('owner', 'name'), [(owner, name) for owner, names in PRIVATE.items() for name in names])
def test_private_name_exists(owner, name):
    assert is_there(owner, name), f'{owner}.{name} has gone: see its entry in mmmux/utils/compat.py'


@pytest.mark.parametrize(('owner', 'name', 'holder'), [
    ('mmengine.runner.CheckpointLoader', '_schemes', CheckpointLoader),
    ('torch.nn.modules.batchnorm', '_BatchNorm', nn.modules.batchnorm)])
def test_private_name_that_has_gone_is_named(owner, name, holder, monkeypatch):
    monkeypatch.delattr(holder, name)
    with pytest.raises(AssertionError, match=f'{owner}.{name}'):
        test_private_name_exists(owner, name)


def is_private(name: str) -> bool:
    return name.startswith('_') and not name.startswith('__') and name != '_'


def names_in(tree: ast.AST) -> Iterator[str]:
    """The private names that a source text defines, imports, reads, or gives to getattr."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.Constant(value=str(name)):
                yield from [name] if is_private(name) and name.isidentifier() else []
            case ast.ImportFrom() | ast.Import():
                yield from private_imports(node)


def private_imports(node: ast.Import | ast.ImportFrom) -> list[str]:
    modules = [getattr(node, 'module', None) or '', *(alias.name for alias in node.names)]
    return [part for module in modules for part in module.split('.') if is_private(part)]


def test_every_private_name_of_compat_is_in_the_table():
    assert set(names_in(ast.parse(COMPAT.read_text()))) <= {name for names in PRIVATE.values() for name in names}


def foreign_names(tree: ast.AST) -> Iterator[str]:
    """Private attributes of anything but `self` and `cls`, private names given to getattr, and private imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id='self' | 'cls')):
                pass
            case ast.Attribute(attr=name) if is_private(name):
                yield ast.unparse(node)
            case ast.Call(func=ast.Name(id='getattr' | 'hasattr' | 'setattr' | 'delattr'), args=[_, ast.Constant(name), *_]):
                yield from [ast.unparse(node)] if is_private(name) else []
            case ast.Import() | ast.ImportFrom(level=0):
                own = (getattr(node, 'module', None) or '').startswith('mmmux')
                yield from [ast.unparse(node)] if private_imports(node) and not own else []


def inherited_names(trees: Iterable[ast.AST]) -> Iterator[str]:
    """Private attributes of `self` or `cls` that no class of ours among the bases assigns or defines."""
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def own(name: str) -> set[str]:
        if name not in classes:
            return set()
        nodes = list(ast.walk(classes[name]))
        changed = {id(node.target) for node in nodes if isinstance(node, ast.AugAssign)}
        bases = [ast.unparse(base).rpartition('.')[2] for base in classes[name].bases]
        return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                and id(node) not in changed}.union(
            {node.name for node in nodes if isinstance(node, ast.FunctionDef)},
            {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)},
            *(own(base) for base in bases if base != name))

    for name, node in classes.items():
        used = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute) and is_private(part.attr)
                and isinstance(part.value, ast.Name) and part.value.id in ('self', 'cls')}
        yield from (f'{name}.{attribute}' for attribute in sorted(used - own(name)))


@pytest.mark.slow
def test_compat_alone_uses_private_names_of_others():
    trees = {path: ast.parse(path.read_text()) for path in SOURCES}
    found = [f'{path.relative_to(REPOSITORY)}: {name}' for path, tree in trees.items() for name in foreign_names(tree)
             if name not in DOCUMENTED]
    assert found == []
    assert list(inherited_names(trees.values())) == []


@pytest.mark.parametrize('source', [
    'module._modules', 'super()._init_layers()', 'os._exit(0)', 'torch._shape_as_tensor(x).sum()',
    "getattr(runner, '_train_loop', None)", "hasattr(iterator, '_shutdown_workers')", 'import torch._C',
    'from torch import _weights_only_unpickler', 'from numpy._core import multiarray',
    'from torch.nn.modules.batchnorm import _BatchNorm'])
def test_finds_private_names_of_others(source):
    assert len(list(foreign_names(ast.parse(source)))) == 1


@pytest.mark.parametrize('source', [
    'self._rows', 'cls._known', 'module.__dict__', 'from .blocks import _row', 'from mmmux.models import _row',
    "getattr(row, 'stride', 1)", 'for _ in rows:\n    pass', 'from torch.nn import Module as _Module'])
def test_passes_our_own_names(source):
    assert list(foreign_names(ast.parse(source))) == []


@pytest.mark.parametrize(('source', 'found'), [
    ('class Loop(Base):\n    def run(self):\n        self._epoch += 1', ['Loop._epoch']),
    ("class Set(Base):\n    def find(self):\n        self._metainfo['classes'] = ()", ['Set._metainfo']),
    ('class Set(Base):\n    def __init__(self):\n        self._rows = []\n    def find(self):\n        return self._rows', []),
    ('class A:\n    _rows = ()\nclass B(A):\n    def find(self):\n        return self._rows', []),
    ('class A:\n    def _rows(self): ...\nclass B(A):\n    def find(self):\n        return self._rows()', [])])
def test_finds_inherited_private_names(source, found):
    assert list(inherited_names([ast.parse(source)])) == found


@pytest.mark.slow
def test_no_class_replaces_a_private_method_of_others():
    import mmmux
    replaced = set()
    for _, name, _ in pkgutil.walk_packages(mmmux.__path__, 'mmmux.'):
        classes = [cls for cls in vars(importlib.import_module(name)).values() if inspect.isclass(cls)]
        for cls in classes:
            if cls.__module__ == name != 'mmmux.utils.compat':
                replaced.update(f'{base.__module__}.{base.__name__}.{method}' for base in cls.__mro__ for method in vars(cls)
                                if is_private(method) and inspect.isfunction(vars(cls)[method]) and method in vars(base)
                                and not base.__module__.startswith('mmmux.'))
    assert replaced <= DOCUMENTED_METHODS
