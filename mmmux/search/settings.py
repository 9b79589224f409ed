"""Read and check the field `search` of a config."""
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from mmengine.config import Config

from mmmux.config.keys import get_key
from mmmux.models import Architecture, get_architecture
from mmmux.models.architectures import stage_width
from mmmux.utils.errors import ConfigError

from .analytic import ANALYTIC_SPACE
from .searched_network import network_arguments
from .space import Genome, SearchSpace
from .space_config import check_keys

OBJECTIVES = ('error', 'params', 'macs', 'latency')
COUNTED = ('params', 'macs')


@dataclass(frozen=True)
class SearchSettings:
    """The settings of a search: the field `search` of a config.

    Args:
        space (SearchSpace): Networks to choose from; a config gives the arguments of :class:`mmmux.search.space.SearchSpace`.
        size (tuple[int, int]): Height and width, in pixels, of the image for which multiply-adds are counted and latency is
            measured.
        network (str): Config key of the MUXNet that is searched.
        channels (Mapping[str, int]): Config keys whose values follow the network's channels, each with the stage that it
            follows. Default: {}.
        metric (str): Metric that compares networks, by the name that the evaluator reports; higher is better.
        best (float): Value of a perfect metric, so that error = 1 - metric / best. Default: 1.
        analytic (Mapping | None): Options of the formula of :mod:`mmmux.search.analytic`, which replaces training; True in a
            config means {}. Then `network`, `channels`, `metric`, `best`, `schedule` and `inherit` must be absent, and `space`
            may be. Default: None, networks are trained.
        objectives (tuple[str]): Minimised values: 'error', and at least one of 'params', 'macs' and 'latency'.
            Default: ('error', 'params', 'macs').
        budgets (Mapping[str, float]): Largest 'params', 'macs' or both of a network. Default: {}.
        evaluations (int): Number of networks to train. Default: 60.
        initial (int): Number of networks in the first generation, drawn at random. Default: 12.
        batch (int): Number of networks in each later generation. Default: 6.
        starts (tuple[Genome]): Networks to begin with. A config gives names or tables, as `arch` of
            :class:`mmmux.models.MUXNet`. Default: ().
        strategy (Mapping): `type` and options of the evolutionary algorithm, see :class:`.algorithms.Evolution`.
            Default: dict(type='moead').
        surrogate (Mapping | None): `type` of the model that predicts the error, see :func:`.surrogate.make_surrogate`; None for
            no surrogate. Default: dict(type='gp').
        schedule (Mapping[str, Any]): Config keys and values that shorten the training. Default: {}.
        time_limit (float | None): Longest duration of an evaluation, in seconds. Default: None, no limit.
        inherit (bool): Initialise weights from the nearest network that was trained before, where the shapes fit. Default:
            False.
        executor (Mapping): `type` and options of the executor, see :func:`.executors.make_executor`.
            Default: dict(type='local', workers=1).
        latency (Mapping | None): Fields of :class:`.latency.LatencySettings`; required with the objective 'latency', and absent
            without it. Default: None.
        seed (int): Seed of every random choice. Default: 0.
    """
    space: SearchSpace
    size: tuple[int, int]
    network: str = ''
    channels: Mapping[str, int] = field(default_factory=dict)
    metric: str = 'accuracy'
    best: float = 1.
    analytic: Mapping | None = None
    objectives: tuple[str, ...] = ('error', 'params', 'macs')
    budgets: Mapping[str, float] = field(default_factory=dict)
    evaluations: int = 60
    initial: int = 12
    batch: int = 6
    starts: tuple[Genome, ...] = ()
    strategy: Mapping = field(default_factory=lambda: dict(type='moead'))
    surrogate: Mapping | None = field(default_factory=lambda: dict(type='gp'))
    schedule: Mapping[str, Any] = field(default_factory=dict)
    time_limit: float | None = None
    inherit: bool = False
    executor: Mapping = field(default_factory=lambda: dict(type='local', workers=1))
    latency: Mapping | None = None
    seed: int = 0


_KEYS = tuple(item.name for item in fields(SearchSettings))
_ONLY_TRAINED = ('network', 'channels', 'metric', 'best', 'schedule', 'inherit')


def read_settings(cfg: Config) -> SearchSettings:
    """Read and check the field `search` of a config.

    Args:
        cfg (Config): The whole config.

    Returns:
        SearchSettings: The checked settings.

    Raises:
        ConfigError: The field is missing, a key is unknown, or a value is invalid or does not fit the rest of the config.
    """
    search = cfg.get('search')
    if not isinstance(search, Mapping):
        raise ConfigError(f"the config has no dict 'search', got {search!r}: see configs/search for examples")
    search = search.to_dict() if hasattr(search, 'to_dict') else dict(search)
    check_keys(search, _KEYS, 'search')
    analytic = _analytic(search)
    if analytic is not None:
        search.setdefault('space', ANALYTIC_SPACE)
    needed = ('space', 'size') if analytic is not None else ('space', 'size', 'network', 'metric')
    for key in needed:
        if search.get(key) in (None, ''):
            raise ConfigError(f"search needs '{key}': see configs/search for an example")
    for key, (words, accepts) in _ACCEPTED.items():
        if key in search and not accepts(search[key]):
            raise ConfigError(f'search.{key} must be {words}, got {search[key]!r}')
    space = SearchSpace(search['space'])
    search.update(space=space, analytic=analytic, size=tuple(search['size']))
    search['objectives'] = tuple(search.get('objectives', SearchSettings.objectives))
    search['starts'] = tuple(_start(arch, space) for arch in search.get('starts', ()))
    settings = SearchSettings(**search)
    if settings.initial > settings.evaluations:
        raise ConfigError(f'search.initial must be at most search.evaluations, {settings.evaluations}, got {settings.initial}')
    if len(settings.starts) > settings.initial:
        raise ConfigError(f'search.starts must have at most search.initial, {settings.initial}, networks, got '
                          f'{len(settings.starts)}')
    if ('latency' in settings.objectives) != (settings.latency is not None):
        raise ConfigError("search.latency must be given if, and only if, 'latency' is among search.objectives, e.g. "
                          f"dict(runtime='onnx', threads=2, reference='m'), got {settings.latency!r} with the objectives "
                          f'{", ".join(settings.objectives)}')
    if analytic is None:
        _check_task(settings, cfg)
    return settings


def _analytic(search: Mapping) -> dict | None:
    value = search.get('analytic')
    if value in (None, False):
        return None
    if value is not True and not isinstance(value, Mapping):
        raise ConfigError(f'search.analytic must be True, a dict of options, or None, got {value!r}')
    given = [key for key in _ONLY_TRAINED if key in search]
    if given:
        raise ConfigError(f'search.{given[0]} has no effect with search.analytic, which trains nothing: remove one of the two')
    return {} if value is True else dict(value)


def _start(arch: Any, space: SearchSpace) -> Genome:
    try:
        return space.encode(get_architecture(arch))
    except ConfigError as error:
        named = f"'{arch}' in " if isinstance(arch, str) else 'a network in '
        raise ConfigError(f'{named}search.starts cannot be used: {error}') from None


def _check_task(settings: SearchSettings, cfg: Config) -> None:
    space, arguments = settings.space, network_arguments(cfg, settings.network)
    out_indices = arguments['out_indices']
    last = max(out_indices) if isinstance(out_indices, (list, tuple)) else out_indices
    head = len(space.stages)
    if last > head:
        raise ConfigError(f'search.space has {head} stages, but out_indices of {settings.network} are {out_indices}, and at '
                          f'most {head} is possible')
    for gene in space.genes:
        stage = head if gene.name == 'head_channels' else int(gene.name.split('.')[1]) if '.' in gene.name else 0
        if stage > last:
            raise ConfigError(f'search.space chooses {gene.name} from {gene.values}, which {settings.network} does not build: '
                              f'its out_indices are {out_indices}; give a list of one value')
    for key in settings.schedule:
        get_key(cfg, key, 'search.schedule')
    now = get_architecture(arguments.get('arch', 'm'))
    for key, stage in settings.channels.items():
        if isinstance(stage, bool) or not isinstance(stage, Integral) or not 0 <= stage <= head:
            raise ConfigError(f"search.channels['{key}'] must be a stage from 0 to {head}, where {head} is the head "
                              f'convolution, got {stage!r}')
        _check_follows(key, get_key(cfg, key, 'search.channels'), stage, now)


def _check_follows(key: str, value: Any, stage: int, now: Architecture) -> None:
    # The value in the config must equal the width of the config's own network; otherwise the named stage is wrong.
    if stage <= len(now.stages) and value != stage_width(now, stage):
        widths = [stage_width(now, index) for index in range(len(now.stages) + 1)]
        raise ConfigError(f"search.channels['{key}'] is stage {stage}, which has {widths[stage]} channels, but the config sets "
                          f"{key}={value!r}: correct the stage; the stages have {', '.join(map(str, widths))} channels")


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _is_positive(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and value > 0


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_typed(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get('type'), str)


# For each key, the accepted values in words and as a predicate.
_ACCEPTED = {
    'space': ('a dict', lambda value: isinstance(value, Mapping)),
    'size': ('(height, width) in pixels, from 32 up', lambda value: _is_list(value) and len(value) == 2 and all(
        _is_count(side) and side >= 32 for side in value)),
    'network': ("a config key such as 'model.backbone'", lambda value: isinstance(value, str)),
    'channels': ("a dict of config keys and stages, e.g. {'model.head.in_channels': 7}",
                 lambda value: isinstance(value, Mapping)),
    'metric': ("a name as the evaluator reports it, e.g. 'pascal_voc/mAP'", lambda value: isinstance(value, str)),
    'best': ('a number above 0, the value of a perfect metric', _is_positive),
    'objectives': (f"a list of at least two of {', '.join(OBJECTIVES)}, 'error' among them", lambda value: _is_list(value) and
                   len(value) > 1 and set(value) <= set(OBJECTIVES) and 'error' in value and len(set(value)) == len(value)),
    'budgets': (f'a dict of numbers above 0 for {" and ".join(COUNTED)}', lambda value: isinstance(value, Mapping) and
                set(value) <= set(COUNTED) and all(map(_is_positive, value.values()))),
    'evaluations': ('a whole number from 1 up', _is_count),
    'initial': ('a whole number from 1 up', _is_count),
    'batch': ('a whole number from 1 up', _is_count),
    'starts': ('a list of networks', _is_list),
    'strategy': ("a dict with 'type'", _is_typed),
    'surrogate': ("a dict with 'type', or None", lambda value: value is None or _is_typed(value)),
    'schedule': ("a dict of config options, e.g. {'train_cfg.max_epochs': 2}", lambda value: isinstance(value, Mapping)),
    'time_limit': ('a number of seconds above 0, or None', lambda value: value is None or _is_positive(value)),
    'inherit': ('True or False', lambda value: isinstance(value, bool)),
    'executor': ("a dict with 'type'", _is_typed),
    'latency': ('a dict, or None', lambda value: value is None or isinstance(value, Mapping)),
    'seed': ('a whole number from 0 up', lambda value: _is_count(value) or (value == 0 and not isinstance(value, bool))),
}
