"""Training and testing with mmengine's runner."""
import json
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import RUNNERS, init_default_scope
from mmengine.runner import Runner

from mmmux.errors import DatasetError

from .loader_workers import loader_workers_end
from .machine import describe_machine
from .misspelt import explained
from .preflight import check_checkpoint, check_crop, check_data
from .stop_signals import handlers_restored

METRICS_FILE = 'metrics.json'
MACHINE_FILE = 'machine.json'


def train(cfg: Config) -> None:
    """Train, and evaluate as often as the config says; results are in `cfg.work_dir`.

    Raises:
        UserError: data or checkpoints cannot be used.
    """
    check_data(cfg, ('train_dataloader', 'val_dataloader'))
    check_crop(cfg)
    check_checkpoint(cfg.get('load_from'), '--resume' if cfg.get('resume') else 'load_from')
    with explained(cfg):
        runner = build_runner(cfg)
        loader = runner.train_dataloader
    if not len(loader):
        raise DatasetError(f'{len(loader.dataset)} training pictures make no full batch of '
                           f'{cfg.train_dataloader.batch_size} (train_dataloader.batch_size): make it smaller')
    if is_main_process():
        (Path(cfg.work_dir) / MACHINE_FILE).write_text(json.dumps(describe_machine(), indent=2) + '\n')
    with explained(cfg), loader_workers_end(runner), handlers_restored():
        runner.train()


def test(cfg: Config) -> dict:
    """Test `cfg.load_from`; write the metrics to `<work_dir>/metrics.json` and return them.

    Raises:
        UserError: data or checkpoints cannot be used.
    """
    check_data(cfg, ('test_dataloader', ))
    check_checkpoint(cfg.load_from, 'checkpoint to test')
    with explained(cfg):
        runner = build_runner(cfg)
    with explained(cfg), loader_workers_end(runner):
        metrics = runner.test()
    if is_main_process():
        path = Path(cfg.work_dir) / METRICS_FILE
        path.write_text(json.dumps({name: float(value) for name, value in metrics.items()}, indent=2) + '\n')
    return metrics


def build_runner(cfg: Config) -> Runner:
    """mmengine's runner, or the one that `runner_type` names."""
    if cfg.get('launcher') == 'pytorch' and not torch.cuda.is_available() and not torch.distributed.is_initialized():
        # mmengine starts processes only with a GPU each; it goes on with those it finds connected.
        torch.distributed.init_process_group('gloo')
    # A second runner that starts within the same second would otherwise take the scope of whatever came between.
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
