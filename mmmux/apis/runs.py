"""Train or test what a config describes, checked for its task."""
from mmengine.config import Config

from mmmux.engine.runner import run_config
from mmmux.engine.runner.run_config import build_runner, test
from mmmux.tasks import find_task

__all__ = ['build_runner', 'test', 'train']


def train(cfg: Config) -> None:
    """Train, and evaluate as often as the config says; results are in `cfg.work_dir`.

    Raises:
        UserError: the config does not fit its task, or data or checkpoints cannot be used.
    """
    task = find_task(cfg)
    if task is not None:
        task.check_training(cfg)
    run_config.train(cfg)
