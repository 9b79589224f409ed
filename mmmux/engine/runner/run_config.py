"""Train and test the model of a config with mmengine's runner."""
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import RUNNERS, init_default_scope
from mmengine.runner import Runner

from mmmux.config.preflight import check_checkpoint, check_data
from mmmux.config.suggestions import explained
from mmmux.utils.atomic_write import write_json
from mmmux.utils.errors import DatasetError
from mmmux.utils.machine import MACHINE_FILE, METRICS_FILE, describe_machine

from .loader_workers import loader_workers_end
from .stop_signals import handlers_restored


def train(cfg: Config) -> None:
    """Train the model of a config, and validate it at the config's interval.

    Checkpoints, logs and `machine.json` (the machine and the package versions) are written to `cfg.work_dir`.

    Args:
        cfg (Config): the config, loaded with :func:`mmmux.config.load.load_config`.

    Raises:
        UserError: the data, a checkpoint or an entry of the config cannot be used.
    """
    check_data(cfg, ('train_dataloader', 'val_dataloader'))
    check_checkpoint(cfg.get('load_from'), '--resume' if cfg.get('resume') else 'load_from')
    with explained(cfg):
        runner = build_runner(cfg)
        loader = runner.train_dataloader
    if not len(loader):
        raise DatasetError(f'{len(loader.dataset)} training pictures are too few for one batch of '
                           f'{cfg.train_dataloader.batch_size} (train_dataloader.batch_size): set a smaller batch size')
    if is_main_process():
        write_json(Path(cfg.work_dir) / MACHINE_FILE, describe_machine())
    with explained(cfg), loader_workers_end(runner), handlers_restored():
        runner.train()


def test(cfg: Config) -> dict:
    """Test the checkpoint `cfg.load_from`, and write the metrics to `<work_dir>/metrics.json`.

    Args:
        cfg (Config): the config, loaded with :func:`mmmux.config.load.load_config`, with `load_from`.

    Returns:
        dict[str, float]: the metrics, by name.

    Raises:
        UserError: the data, the checkpoint or an entry of the config cannot be used.
    """
    check_data(cfg, ('test_dataloader', ))
    check_checkpoint(cfg.load_from, 'load_from, the checkpoint to test')
    with explained(cfg):
        runner = build_runner(cfg)
    with explained(cfg), loader_workers_end(runner):
        metrics = runner.test()
    if is_main_process() and metrics:  # pictures without annotations have none
        write_json(Path(cfg.work_dir) / METRICS_FILE, {name: float(value) for name, value in metrics.items()})
    return metrics


def build_runner(cfg: Config) -> Runner:
    """Build mmengine's runner, or the class that `cfg.runner_type` names, from a config.

    Without a GPU, the launcher 'pytorch' connects the processes with gloo.

    Args:
        cfg (Config): the config.

    Returns:
        Runner: the runner, with `train`, `val` and `test`.
    """
    if cfg.get('launcher') == 'pytorch' and not torch.cuda.is_available() and not torch.distributed.is_initialized():
        # mmengine initialises the process group only for GPUs, but accepts one that exists.
        torch.distributed.init_process_group('gloo')
    # mmengine names scopes by the second: a second runner in the same second would otherwise get the scope set last.
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
