"""The short training of one evaluation: the user's config, with what an evaluation needs, run by the normal runner."""
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.logging import MessageHub

from mmmux.apis import train
from mmmux.utils.errors import ConfigError

from .trial_process import CONFIG_FILE, WEIGHTS_FILE, TrialSpec

_OWN_HOOKS = ('ProgressHook', 'FiniteLossHook', 'CheckInvalidLossHook')  # replaced by those below
_VAL = 'val/'  # mmengine's prefix of what an evaluator reports


def config_text(cfg: Config, metric: str, seed: int, inherit: str = '', keep_weights: bool = False) -> str:
    """The config of an evaluation as text, which `tools/train.py` trains as well.

    It validates once, at the end, for nothing else counts; looks at every loss; logs warnings and a line of progress; and
    keeps no checkpoint, or the last one's weights.

    Args:
        cfg: of the task, with the network of a genome and the short schedule; it is not changed.
        metric: to show.
        seed: of the training.
        inherit: checkpoint to take weights from, where they fit; '' for none.
        keep_weights: whether others may inherit from this one.

    Raises:
        ConfigError: it neither validates nor tests.
    """
    cfg = Config(cfg.copy().to_dict())
    _validate_at_the_end(cfg)
    cfg.merge_from_dict({'randomness.seed': seed, 'log_level': 'WARNING', 'resume': False})
    cfg.pop('work_dir', None)
    by_epoch = 'max_epochs' in cfg.train_cfg
    checkpoint = dict(type='CheckpointHook', interval=-1, by_epoch=by_epoch, save_last=True, filename_tmpl=WEIGHTS_FILE,
                      save_optimizer=False, save_param_scheduler=False)
    cfg.default_hooks = {**cfg.get('default_hooks', {}), 'checkpoint': checkpoint if keep_weights else None}
    # Of the losses every single one: they are few, and mmengine's runner waits for each of them anyway.
    hooks = [dict(type='mmmux.FiniteLossHook', interval=1), dict(type='mmmux.ProgressHook', score=metric)]
    if inherit:
        hooks.append(dict(type='mmmux.InheritWeightsHook', checkpoint=inherit))
        imports = cfg.get('custom_imports') or {}
        cfg.custom_imports = {**imports, 'imports': [*_as_list(imports.get('imports')), 'mmmux.search.weights']}
    cfg.custom_hooks = [hook for hook in cfg.get('custom_hooks') or []
                        if str(hook['type']).split('.')[-1] not in _OWN_HOOKS] + hooks
    return cfg.pretty_text


def train_and_validate(spec: TrialSpec) -> Mapping[str, float]:
    """Train what a trial's folder holds, and return what its evaluator reports at the end."""
    cfg = Config.fromfile(spec.folder / CONFIG_FILE)
    cfg.work_dir = str(spec.folder)
    train(cfg)
    scalars = MessageHub.get_current_instance().log_scalars
    return {name.removeprefix(_VAL): float(values.current()) for name, values in scalars.items() if name.startswith(_VAL)}


def _validate_at_the_end(cfg: Config) -> None:
    if not cfg.get('val_dataloader'):
        if not cfg.get('test_dataloader'):
            raise ConfigError('the config has neither val_dataloader nor test_dataloader: a search needs one of them, with its '
                              'evaluator, to compare networks by')
        cfg.val_dataloader, cfg.val_evaluator, cfg.val_cfg = cfg.test_dataloader, cfg.test_evaluator, dict(type='ValLoop')
    train_cfg = {key: value for key, value in cfg.train_cfg.items() if key != 'dynamic_intervals'}
    length = train_cfg['max_epochs'] if 'max_epochs' in train_cfg else train_cfg['max_iters']
    cfg.train_cfg = dict(train_cfg, val_begin=1, val_interval=length)


def _as_list(value) -> list:
    return [value] if isinstance(value, str) else list(value or [])
