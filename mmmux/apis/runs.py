"""Train and test models from Python."""
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from mmmux.engine.runner import run_config
from mmmux.engine.runner.run_config import build_runner
from mmmux.tasks import find_task

__all__ = ['build_runner', 'test', 'train']


def train(cfg: Config) -> None:
    """Check the config for its task, then train its model, as :func:`mmmux.engine.runner.run_config.train` does.

    Args:
        cfg (Config): the config, loaded with :func:`mmmux.config.load.load_config`.

    Raises:
        UserError: the data, a checkpoint or an entry of the config cannot be used.
    """
    task = find_task(cfg)
    if task is not None:
        task.check_model(cfg)
        task.check_training(cfg)
    run_config.train(cfg)


def test(cfg: Config, outputs: Mapping[str, Path | None] | None = None) -> dict:
    """Check the config for its task, then test a checkpoint, as :func:`mmmux.engine.runner.run_config.test` does.

    Args:
        cfg (Config): the config, loaded with :func:`mmmux.config.load.load_config`, with `load_from`.
        outputs (Mapping[str, Path | None] | None): folders and files with predictions that this test writes, by the option that
            names them, e.g. '--out'; no other test can write to them until this one ends. Defaults to None, which means none.

    Returns:
        dict[str, float | list[str]]: the metrics, by name.

    Raises:
        UserError: the data, the checkpoint or an entry of the config cannot be used.
    """
    task = find_task(cfg)
    if task is not None:
        task.check_model(cfg)
    return run_config.test(cfg, outputs)
