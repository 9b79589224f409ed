"""The metric of an exported model, measured with the runtime on the config's test data."""
from collections.abc import Callable

import numpy
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from torch import nn

from mmmux.utils.errors import ConfigError

from .load_model import preprocessed


def evaluate(cfg: Config, model: nn.Module, run: Callable[[numpy.ndarray], list[numpy.ndarray]],
             put_prediction: Callable[..., None], limit: int | None = None) -> dict[str, float]:
    """Run the test data through a function of prepared pictures and have the config's evaluator judge the outputs.

    Args:
        cfg: the config; its test pipeline must give pictures of the size that `run` takes.
        model: of the config; its preprocessor is used.
        run: from a batch of one prepared picture to the outputs of the task's `deployable`, not raw.
        put_prediction: puts these outputs into a data sample.
        limit: how many pictures; None takes all.

    Raises:
        ConfigError: the sizes do not fit.
    """
    loader = Runner.build_dataloader(dict(cfg.test_dataloader, num_workers=0, persistent_workers=False, batch_size=1))
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
