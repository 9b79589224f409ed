"""Report misspelt names in a config with their config key and the nearest accepted name.

Most names are checked when mmengine builds the objects of a config; this module converts the exceptions of Python and mmengine
to a :class:`ConfigError`. Sections that mmengine reads without building an object, such as `env_cfg`, accept any name, so their
names are compared with the known ones beforehand.
"""
import contextlib
import difflib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping

import mmengine.registry
from mmengine.config import Config
from mmengine.registry import Registry

from mmmux.registry import LazyRegistry
from mmmux.utils.errors import ConfigError, UserError, in_a_line
from mmmux.utils.installed import cannot_be_imported, need_scope

# Top-level keys that mmengine's Runner reads and that a config may omit.
RUNNER_KEYS = frozenset({
    'activation_checkpointing', 'auto_scale_lr', 'cfg', 'compile', 'custom_hooks', 'custom_imports', 'data_preprocessor',
    'default_hooks', 'default_scope', 'efficient_conv_bn_eval', 'env_cfg', 'experiment_name', 'find_unused_parameters',
    'launcher', 'load_from', 'log_level', 'log_processor', 'model', 'model_wrapper_cfg', 'optim_wrapper', 'param_scheduler',
    'randomness', 'resume', 'runner_type', 'strategy', 'sync_bn', 'task', 'test_cfg', 'test_dataloader', 'test_evaluator',
    'train_cfg', 'train_dataloader', 'tta_model', 'tta_pipeline', 'val_cfg', 'val_dataloader', 'val_evaluator', 'vis_backends',
    'visualizer', 'work_dir'
})
_SECTIONS = {  # section -> names that mmengine reads; it ignores all others
    '': RUNNER_KEYS - {'tta_pipeline', 'vis_backends'},  # these two are variables that other parts of a config refer to
    'auto_scale_lr': {'base_batch_size', 'enable'},
    'default_hooks': {'checkpoint', 'logger', 'param_scheduler', 'runtime_info', 'sampler_seed', 'timer', 'visualization'},
    'env_cfg': {'cudnn_benchmark', 'dist_cfg', 'mp_cfg', 'resource_limit'},
}
_BY_TOOL_OPTION = {'optim_wrapper.dtype': 'train with --amp fp16 or --amp bf16, or add optim_wrapper.type=AmpOptimWrapper'}
_ALIKE = 0.88  # difflib ratio (0 to 1) above which an unknown name counts as misspelt where a config may define its own names

_UNEXPECTED = re.compile(r"(\w+)(?:\.\w+)?\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"(\w+)(?:\.\w+)?\(\) missing \d+ required [\w-]+ arguments?: '(\w+)'")
_UNKNOWN_TYPE = re.compile(r"(?:^|['\"])(?:Failed to get )?([\w.]+)(?: is not in the [\w:]+(?: \w+)* registry|$)")


def check_names(cfg: Config) -> None:
    """Check the names in the sections that mmengine reads without building an object.

    Args:
        cfg (Config): The config.

    Raises:
        ConfigError: A name is unknown and similar to a known name.
    """
    for section, known in _SECTIONS.items():
        for name in (cfg.get(section) or {}) if section else cfg:
            near = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
            if near and name not in known | RUNNER_KEYS:
                raise ConfigError(f"the config sets '{'.'.join(filter(None, (section, name)))}', which nothing reads: did you "
                                  f"mean '{near[0]}'?")


def check_option(key: str, cfg: Config, options: Mapping = {}) -> None:
    """Check a key of `--cfg-options` that is not in the config.

    Args:
        key (str): Dotted config key.
        cfg (Config): The config.
        options (Mapping): All options. One that changes a `type` changes the names that are accepted beside it. Defaults to {}.

    Raises:
        ConfigError: A part of the key is neither in the config nor a known name: any such first part, and a later part that
            is similar to a known name.
    """
    node, parts = cfg, key.split('.')
    for place, part in enumerate(parts):
        if not isinstance(node, Mapping | Config):
            return  # mmengine checks the indices of lists
        if part not in node:
            owner = '.'.join(parts[:place])
            typed = dict(node, type=options[f'{owner}.type']) if f'{owner}.type' in options else node
            known = set(node) | (RUNNER_KEYS if place == 0 else set(_accepted(_class(typed)) if 'type' in typed else ()))
            near = difflib.get_close_matches(part, known, n=1, cutoff=0.6 if place == 0 else _ALIKE)
            if part in known or (place and not near):
                return
            where = f"'{owner}' has" if place else 'the config has'
            if key in _BY_TOOL_OPTION:
                raise ConfigError(f"--cfg-options names '{key}', but {where} no '{part}': {_BY_TOOL_OPTION[key]}")
            raise ConfigError(f"--cfg-options names '{in_a_line(key)}', but {where} no '{in_a_line(part)}'" +
                              _meant(near, set(node)))
        node = node[part]


@contextlib.contextmanager
def explained(cfg: Config) -> Iterator[None]:
    """Convert the exceptions of building the objects of a config inside this context to a :class:`ConfigError`.

    Args:
        cfg (Config): The config.

    Raises:
        ConfigError: An argument or `type` is not accepted, an argument is missing, the package of `default_scope` is not
            installed, or an object of the config needs a package that is not. Other exceptions are not converted.
        InstallationError: The package of `default_scope`, or one that it imports, cannot be imported.
    """
    need_scope(cfg.get('default_scope'))
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        if error.name is None:  # raised by an object of the config, which needs a package that is not installed
            raise ConfigError(_not_installed(error, cfg)) from error
        raise cannot_be_imported(f"default_scope '{cfg.get('default_scope')}' of the config", error) from error
    except (TypeError, KeyError, RuntimeError) as error:
        sentence = _explain(str(error), cfg)
        if sentence is None:
            raise
        raise ConfigError(sentence) from error


def _not_installed(error: ImportError, cfg: Config) -> str:
    """Name the entry of a config whose object needs a package that cannot be imported, e.g. a backend."""
    classes, traceback = [], error.__traceback__
    while traceback is not None:
        classes.insert(0, type(traceback.tb_frame.f_locals.get('self')).__name__)  # the innermost object first
        traceback = traceback.tb_next
    entries = [(f'{path}.{key}', node[key], kind) for path, node in _dicts(cfg) for key, kind in _class_names(node)]
    place = next((f"{key} is '{value}', and its package" for name in classes for key, value, kind in entries if kind == name),
                 'a package that the config needs')
    # The last line is the reason, also in the traceback of a loading process.
    reason = in_a_line((str(error).strip() or type(error).__name__).splitlines()[-1])
    return f'{place} cannot be imported ({reason}): install it, or set another'


def _class_names(node: Mapping) -> Iterator[tuple[str, str]]:
    if isinstance(node.get('type'), str):
        yield 'type', node['type'].rpartition('.')[2]
    if isinstance(node.get('backend'), str):  # of mmengine's file backends, e.g. 'lmdb' for LmdbBackend
        yield 'backend', f'{node["backend"].capitalize()}Backend'


def _explain(message: str, cfg: Config) -> str | None:
    for pattern, explain in ((_UNEXPECTED, _unexpected), (_MISSING, _missing), (_UNKNOWN_TYPE, _unknown_type)):
        found = pattern.search(message)
        if found:
            return explain(*found.groups(), cfg)
    return None


def _unexpected(owner: str, name: str, cfg: Config) -> str | None:
    for path, node in _dicts(cfg):
        if name not in node:
            continue
        cls = _class(node) if 'type' in node else None
        if cls is None and 'type' not in node:  # dicts without a type configure data loaders and loops
            return f"{path} has '{name}', which {owner} does not accept" + _meant(_near(name, set(node) - {name}), ())
        if cls is not None and owner in {base.__name__ for base in inspect.getmro(cls)} | {cls.__name__}:
            return f"{path} ({node['type']}) has no argument '{name}'" + _meant(_near(name, _accepted(cls)), _accepted(cls))
    return None


def _missing(owner: str, name: str, cfg: Config) -> str | None:
    for path, node in _dicts(cfg):
        cls = _class(node) if 'type' in node else None
        if cls is not None and name not in node and owner in {base.__name__ for base in inspect.getmro(cls)}:
            unknown = [key for key in node if key not in _accepted(cls) and key not in ('type', '_scope_')]
            near = _near(name, unknown)
            return f"{path} ({node['type']}) lacks the argument '{name}'" + (f": it has '{near[0]}' instead" if near else '')
    return None


def _unknown_type(name: str, cfg: Config) -> str | None:
    for path, node in _dicts(cfg):
        if isinstance(node.get('type'), str) and f'.{node["type"]}'.endswith(f'.{name}'):
            scope, dot, short = node['type'].rpartition('.')
            known = {key for registry in _registries() for key in getattr(registry, 'names', registry.module_dict)}
            near = [f'{scope}{dot}{key}' for key in _near(short, known - {short})]
            return f"{path}.type is '{in_a_line(node['type'])}', which is not registered" + _meant(near, ())
    return None


def _dicts(node, path: str = '') -> Iterator[tuple[str, Mapping]]:
    """Yield the key and content of every dict of a config: first below keys that the runner reads, then below other keys."""
    if isinstance(node, Config):
        for key in sorted(node, key=lambda key: key not in RUNNER_KEYS):
            yield from _dicts(node[key], key)
    elif isinstance(node, Mapping):
        yield path, node
        for key, value in node.items():
            yield from _dicts(value, f'{path}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _dicts(value, f'{path}.{index}')


def _registries() -> list[Registry]:
    found = [value for value in vars(mmengine.registry).values() if isinstance(value, Registry)]
    for registry in found:
        found += registry.children.values()
    return found


def _class(node: Mapping) -> type | None:
    name = node['type']
    if isinstance(name, str):
        scope, _, short = name.rpartition('.')
        for registry in _registries():
            if isinstance(registry, LazyRegistry) and scope in ('', registry.scope):
                registry.load(short)
        classes = [registry.module_dict[short] for registry in _registries()
                   if short in registry.module_dict and (not scope or registry.scope in (scope, 'mmengine'))]
        name = classes[-1] if classes else None  # of several, the class in the named scope or in a child of mmengine's registry
    return name if inspect.isclass(name) else None


def _accepted(cls: type | None) -> list[str]:
    """Return the names of the arguments of a class, including those that it passes to its base classes."""
    names = []
    for base in inspect.getmro(cls) if cls else ():
        if '__init__' not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        names += [parameter.name for parameter in parameters if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD,
                                                                                  parameter.KEYWORD_ONLY)]
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return [name for name in dict.fromkeys(names) if name != 'self']


def _near(name: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, sorted(known), n=1)


def _meant(near: list[str], known: Iterable[str]) -> str:
    if near:
        return f": did you mean '{near[0]}'?"
    return f': it has {", ".join(sorted(known))}' if known else ''
