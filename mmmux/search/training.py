"""Train and validate one network of a search with a short schedule."""
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.logging import MessageHub

from mmmux.engine.runner.run_config import train
from mmmux.utils.errors import ConfigError

from .trial_process import CONFIG_FILE, WEIGHTS_FILE, TrialSpec

_OWN_HOOKS = ('ProgressHook', 'FiniteLossHook', 'CheckInvalidLossHook')  # `config_text` replaces these
_VAL = 'val/'  # mmengine's prefix of the metrics


def config_text(cfg: Config, metric: str, seed: int, inherit: str = '', keep_weights: bool = False) -> str:
    """Write the config of an evaluation as text; `tools/train.py` can train this config as well.

    The training validates once, at the end; checks every loss; logs warnings and one line of progress; and saves no checkpoint,
    or only the final weights.

    Args:
        cfg (Config): User's config with the network of a genome and the short schedule; not changed.
        metric (str): Metric that the progress line shows.
        seed (int): Seed of the training.
        inherit (str): Checkpoint whose fitting weights initialise the model. Default: '', none.
        keep_weights (bool): Save the final weights, so that other networks can inherit them. Default: False.

    Returns:
        str: Python source of the config.

    Raises:
        ConfigError: The config has neither `val_dataloader` nor `test_dataloader`.
    """
    cfg = Config(cfg.copy().to_dict())
    _validate_at_the_end(cfg)
    cfg.merge_from_dict({'randomness.seed': seed, 'log_level': 'WARNING', 'resume': False})
    cfg.pop('work_dir', None)
    by_epoch = 'max_epochs' in cfg.train_cfg
    checkpoint = dict(type='CheckpointHook', interval=-1, by_epoch=by_epoch, save_last=True, filename_tmpl=WEIGHTS_FILE,
                      save_optimizer=False, save_param_scheduler=False)
    cfg.default_hooks = {**cfg.get('default_hooks', {}), 'checkpoint': checkpoint if keep_weights else None}
    # `interval=1` checks every loss: a short training has few losses, and mmengine's runner waits for each of them anyway.
    hooks = [dict(type='mmmux.FiniteLossHook', interval=1), dict(type='mmmux.ProgressHook', score=metric)]
    if inherit:
        hooks.append(dict(type='mmmux.InheritWeightsHook', checkpoint=inherit))
        imports = cfg.get('custom_imports') or {}
        cfg.custom_imports = {**imports, 'imports': [*_as_list(imports.get('imports')), 'mmmux.search.weights']}
    cfg.custom_hooks = [hook for hook in cfg.get('custom_hooks') or []
                        if str(hook['type']).split('.')[-1] not in _OWN_HOOKS] + hooks
    return cfg.pretty_text


def train_and_validate(spec: TrialSpec) -> Mapping[str, float]:
    """Train the config in a trial's folder.

    Args:
        spec (TrialSpec): The trial.

    Returns:
        Mapping[str, float]: Metrics of the final validation, by name.
    """
    cfg = Config.fromfile(spec.folder / CONFIG_FILE)
    cfg.work_dir = str(spec.folder)
    train(cfg)
    scalars = MessageHub.get_current_instance().log_scalars
    return {name.removeprefix(_VAL): float(values.current()) for name, values in scalars.items() if name.startswith(_VAL)}


def _validate_at_the_end(cfg: Config) -> None:
    if not cfg.get('val_dataloader'):
        if not cfg.get('test_dataloader'):
            raise ConfigError('the config has neither val_dataloader nor test_dataloader: add one of them and its evaluator, '
                              'which a search needs to compare networks')
        cfg.val_dataloader, cfg.val_evaluator, cfg.val_cfg = cfg.test_dataloader, cfg.test_evaluator, dict(type='ValLoop')
    train_cfg = {key: value for key, value in cfg.train_cfg.items() if key != 'dynamic_intervals'}
    length = train_cfg['max_epochs'] if 'max_epochs' in train_cfg else train_cfg['max_iters']
    cfg.train_cfg = dict(train_cfg, val_begin=1, val_interval=length)


def _as_list(value) -> list:
    return [value] if isinstance(value, str) else list(value or [])
