"""Train and test the model of a config with mmengine's runner."""
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import init_dist, is_distributed, is_main_process
from mmengine.registry import RUNNERS, init_default_scope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing

from mmmux.config.careful_loaders import with_careful_loaders
from mmmux.config.preflight import check_checkpoint, check_data, check_mixed_precision
from mmmux.config.schedule_begins import check_begins
from mmmux.config.schedules import check_schedules
from mmmux.config.suggestions import explained
from mmmux.config.vis_backends import check_vis_backends
from mmmux.datasets.class_lists import check_classes
from mmmux.evaluation.careful_metrics import with_careful_metrics
from mmmux.utils.atomic_write import write_json
from mmmux.utils.errors import DatasetError
from mmmux.utils.machine import MACHINE_FILE, METRICS_FILE, describe_machine
from mmmux.utils.output_folder import make_folder

from .batch_errors import batch_errors_explained
from .json_logs import mmengine_writes_valid_json
from .loader_workers import loader_workers_end
from .output_locks import outputs_locked, training_outputs
from .single_pictures import check_single_pictures
from .stop_signals import handlers_restored

_CHECKS = ('ClassCountHook', 'ResumedScheduleHook')


def train(cfg: Config) -> None:
    """Train the model of a config, and validate it at the config's interval.

    Checkpoints, logs and `machine.json` (the machine and the package versions) are written to `cfg.work_dir`, to which no other
    training can write until this one ends.

    Args:
        cfg (Config): the config, loaded with :func:`mmmux.config.load.load_config`.

    Raises:
        UserError: the data, a checkpoint or an entry of the config cannot be used, or another run writes to the work dir.
    """
    check_data(cfg, ('train_dataloader', 'val_dataloader'))
    check_checkpoint(cfg.get('load_from'), '--resume' if cfg.get('resume') else 'load_from')
    check_schedules(cfg)
    check_mixed_precision(cfg)
    with explained(cfg):
        check_classes(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
        _connect(cfg)
    with outputs_locked(training_outputs(cfg)):
        _train(cfg)


def _train(cfg: Config) -> None:
    with explained(cfg):
        runner = _checked_runner(cfg)
        loader = runner.train_dataloader
    if not len(loader):
        raise DatasetError(f'{len(loader.dataset)} training pictures are too few for one batch of '
                           f'{cfg.train_dataloader.batch_size} (train_dataloader.batch_size): set a smaller batch size')
    check_begins(cfg, runner.max_epochs, runner.max_iters)
    check_schedules(cfg, dict(max_epochs=runner.max_epochs, max_iters=runner.max_iters))
    check_single_pictures(runner)
    if is_main_process():
        write_json(Path(cfg.work_dir) / MACHINE_FILE, describe_machine())
    with explained(cfg), batch_errors_explained(cfg, 'val_dataloader'), loader_workers_end(runner), handlers_restored():
        runner.train()


def test(cfg: Config, outputs: Mapping[str, Path | None] | None = None) -> dict:
    """Test the checkpoint `cfg.load_from`, and write the metrics to `<work_dir>/metrics.json`.

    Args:
        cfg (Config): the config, loaded with :func:`mmmux.config.load.load_config`, with `load_from`.
        outputs (Mapping[str, Path | None] | None): folders and files with predictions that this test writes, by the option that
            names them, e.g. '--out'; no other test can write to them until this one ends. Defaults to None, which means none.

    Returns:
        dict[str, float | list[str]]: the metrics, by name; a name that ends in `absent` has a list of classes.

    Raises:
        UserError: the data, the checkpoint or an entry of the config cannot be used, or another run writes to an output.
    """
    check_data(cfg, ('test_dataloader', ))
    check_checkpoint(cfg.load_from, 'load_from, the checkpoint to test')
    make_folder(cfg.work_dir, '--work-dir')
    with explained(cfg):
        _connect(cfg)
    with outputs_locked(outputs or {}):
        return _test(cfg)


def _test(cfg: Config) -> dict:
    with explained(cfg):
        check_classes(cfg, ('test_dataloader', ))
        runner = _checked_runner(cfg)
    with explained(cfg), batch_errors_explained(cfg, 'test_dataloader'), loader_workers_end(runner):
        metrics = runner.test()
    if is_main_process() and metrics:  # pictures without annotations have none
        write_json(Path(cfg.work_dir) / METRICS_FILE, {
            name: value if isinstance(value, (list, str)) else float(value) for name, value in metrics.items()})
    return metrics


def _checked_runner(cfg: Config) -> Runner:
    """Build the runner of a config and give it the hooks that check a run, unless the config has them."""
    runner = build_runner(cfg)
    if isinstance(runner, Runner):
        present = {type(hook).__name__ for hook in runner.hooks}
        for name in _CHECKS:
            if name not in present:
                runner.register_hook(dict(type=f'mmmux.{name}'))
    return runner


def build_runner(cfg: Config) -> Runner:
    """Build mmengine's runner, or the class that `cfg.runner_type` names, from a config.

    The processes of a distributed run are connected; without a GPU, the launcher 'pytorch' connects them with gloo. The data
    loaders load images and label maps with the transforms of this package (:mod:`mmmux.config.careful_loaders`), and metrics of
    this package take the place of those of mmdet that end with an error (:mod:`mmmux.evaluation.careful_metrics`); the config
    that the runner writes has the stock names. From then on, JSON files of mmengine have null in place of NaN and infinity.

    Args:
        cfg (Config): the config.

    Returns:
        Runner: the runner, with `train`, `val` and `test`.

    Raises:
        ConfigError: the package of one of the config's `vis_backends` is not installed.
    """
    check_vis_backends(cfg)
    _connect(cfg)
    # mmengine names scopes by the second: a second runner in the same second would otherwise get the scope set last.
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    mmengine_writes_valid_json()
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    # Not in the config, which the runner has written by now and puts into each checkpoint.
    build_evaluator, build_dataloader = runner.build_evaluator, runner.build_dataloader
    runner.build_evaluator = lambda evaluator: build_evaluator(with_careful_metrics(evaluator))
    runner.build_dataloader = lambda loader, *args, **options: build_dataloader(
        with_careful_loaders(loader) if isinstance(loader, Mapping) else loader, *args, **options)
    return runner


def _connect(cfg: Config) -> None:
    """Connect the processes of a distributed run as mmengine's runner would, which accepts connected processes."""
    launcher, environment = cfg.get('launcher') or 'none', cfg.get('env_cfg') or {}
    if launcher == 'none' or is_distributed():
        return
    if launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')  # mmengine connects processes with GPUs only
        return
    # Before `init_dist`, which would set another method to start processes than the config's.
    set_multi_processing(**environment.get('mp_cfg', {}), distributed=True)
    init_dist(launcher, **environment.get('dist_cfg', {}))
