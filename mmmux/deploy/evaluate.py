"""Measure the metric of an exported model on the test data of its config, for `tools/export.py --precision int8`."""
from collections.abc import Callable

import numpy
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from torch import nn

from mmmux.config.careful_loaders import with_careful_loaders
from mmmux.datasets.class_lists import class_names, difference
from mmmux.evaluation.careful_metrics import with_careful_metrics
from mmmux.utils.errors import ConfigError, in_a_line

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
        ConfigError: `run` does not accept the size of an image, or the test data has other classes than the checkpoint.
    """
    loader = dict(with_careful_loaders(cfg.test_dataloader), num_workers=0, persistent_workers=False, batch_size=1)
    loader = Runner.build_dataloader(loader)
    evaluator = Evaluator(with_careful_metrics(cfg.test_evaluator))
    evaluator.dataset_meta = loader.dataset.metainfo
    trained_on, tested_on = class_names(getattr(model, 'dataset_meta', None)), class_names(loader.dataset.metainfo)
    complaint = trained_on and tested_on and difference(trained_on, 'the checkpoint', tested_on, 'test_dataloader')
    if complaint:
        raise ConfigError(f'{complaint}: set metainfo.classes of the test data to those of the checkpoint')
    seen = 0
    for data in loader:
        if seen == limit:
            break
        batch = preprocessed(model, data)
        try:
            outputs = [torch.from_numpy(output[0]) for output in run(batch['inputs'].numpy())]
        except Exception as error:
            height, width = batch['inputs'].shape[-2:]
            reason = in_a_line(str(error)) or type(error).__name__
            raise ConfigError(f'the exported file does not accept a picture of {height} x {width} pixels from '
                              f'test_dataloader.dataset.pipeline ({reason}): export with --dynamic, or with --shape {height} '
                              f'{width}') from None
        sample, = batch['data_samples']
        put_prediction(sample, *outputs)
        evaluator.process(data_samples=[sample], data_batch=data)
        seen += 1
    return {name: float(value) for name, value in evaluator.evaluate(seen).items() if numpy.isscalar(value)}
