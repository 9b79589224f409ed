"""Measure the metric of an exported model on the test data of its config."""
from collections.abc import Callable

import numpy
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from torch import nn

from mmmux.config.careful_loaders import with_careful_loaders
from mmmux.utils.errors import ConfigError

from .load_model import preprocessed


def evaluate(cfg: Config, model: nn.Module, run: Callable[[numpy.ndarray], list[numpy.ndarray]],
             put_prediction: Callable[..., None], limit: int | None = None) -> dict[str, float]:
    """Run the test data of a config through an exported model, and compute the config's metrics.

    Args:
        cfg (Config): Config with `test_dataloader` and `test_evaluator`. Its test pipeline must produce images of a size that
            `run` accepts.
        model (nn.Module): Model of the config; its `data_preprocessor` prepares the images.
        run (Callable[[ndarray], list[ndarray]]): Maps one preprocessed image (1, 3, H, W) to the outputs of the task's
            `deployable` with `raw=False`.
        put_prediction (Callable[..., None]): Stores the outputs for one image in a data sample.
        limit (int | None): Number of images. Default: None, all.

    Returns:
        dict[str, float]: Value of each metric.

    Raises:
        ConfigError: `run` does not accept the size of an image.
    """
    loader = dict(with_careful_loaders(cfg.test_dataloader), num_workers=0, persistent_workers=False, batch_size=1)
    loader = Runner.build_dataloader(loader)
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    seen = 0
    for data in loader:
        if seen == limit:
            break
        batch = preprocessed(model, data)
        try:
            outputs = [torch.from_numpy(output[0]) for output in run(batch['inputs'].numpy())]
        except Exception as error:
            raise ConfigError(f'the test pipeline gives a picture of {tuple(batch["inputs"].shape[-2:])} pixels, which the '
                              f'export does not take: export with --dynamic ({str(error).strip().splitlines()[0]})') from None
        sample, = batch['data_samples']
        put_prediction(sample, *outputs)
        evaluator.process(data_samples=[sample], data_batch=data)
        seen += 1
    return {name: float(value) for name, value in evaluator.evaluate(seen).items() if numpy.isscalar(value)}
