"""The metric of an exported model, measured with the runtime on the config's test data."""
from collections.abc import Callable

import numpy
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmengine.structures import InstanceData, PixelData
from torch import nn

from mmmux.utils.errors import ConfigError


def evaluate(cfg: Config, model: nn.Module, run: Callable[[numpy.ndarray], list[numpy.ndarray]],
             limit: int | None = None) -> dict[str, float]:
    """Run the test data through a function of prepared pictures and have the config's evaluator judge the outputs.

    Args:
        cfg: the config; its test pipeline must give pictures of the size that `run` takes.
        model: of the config; its preprocessor is used.
        run: from a batch of one prepared picture to what :func:`mmmux.deploy.whole_model.whole_model` gives, not raw.
        limit: how many pictures; None takes all.

    Raises:
        ConfigError: the sizes do not fit.
    """
    loader = Runner.build_dataloader(dict(cfg.test_dataloader, num_workers=0, persistent_workers=False, batch_size=1))
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    put = dict(mmdet=_put_detections, mmseg=_put_labels, mmpretrain=_put_scores)[cfg.default_scope]
    seen = 0
    for data in loader:
        if seen == limit:
            break
        batch = model.data_preprocessor(data, False)
        try:
            outputs = [torch.from_numpy(output[0]) for output in run(batch['inputs'].numpy())]
        except Exception as error:
            raise ConfigError(f'the test pipeline gives a picture of {tuple(batch["inputs"].shape[-2:])} pixels, which the '
                              f'export does not take: export with --dynamic ({str(error).strip().splitlines()[0]})') from None
        sample, = batch['data_samples']
        put(sample, *outputs)
        evaluator.process(data_samples=[sample], data_batch=data)
        seen += 1
    return {name: float(value) for name, value in evaluator.evaluate(seen).items() if numpy.isscalar(value)}


def _put_detections(sample, boxes: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor) -> None:
    found = labels >= 0
    factor = torch.tensor(sample.scale_factor).repeat(2)
    sample.pred_instances = InstanceData(bboxes=boxes[found] / factor, scores=scores[found], labels=labels[found])


def _put_labels(sample, labels: torch.Tensor) -> None:
    height, width = sample.img_shape
    labels = labels[None, None, :height, :width].float()
    resized = F.interpolate(labels, size=tuple(sample.ori_shape), mode='nearest')[0].long()
    sample.set_data(dict(pred_sem_seg=PixelData(data=resized)))


def _put_scores(sample, scores: torch.Tensor) -> None:
    sample.set_pred_score(scores).set_pred_label(scores.argmax(0, keepdim=True))
