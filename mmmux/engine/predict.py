"""Predictions for single pictures, drawn."""
from pathlib import Path

import mmcv
import torch
from mmengine.config import Config
from mmengine.registry import VISUALIZERS
from mmengine.runner import CheckpointLoader
from torch import nn

from mmmux.checkpoints.pretrained import describe, state_dict_of
from mmmux.errors import CheckpointError, ConfigError, DatasetError

from .preflight import check_checkpoint


class Painter:
    """A trained detector or segmentor that draws what it finds.

    Args:
        cfg: its config; `default_scope` tells whether mmdet or mmseg runs it.
        checkpoint: file or URL of its weights.
        device: 'cpu', 'cuda:0', ...; None takes a GPU if there is one.

    Raises:
        CheckpointError: the weights are not this model's.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str | None = None):
        check_checkpoint(checkpoint, 'CHECKPOINT')
        self.segments = cfg.get('default_scope') == 'mmseg'
        device = device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
        self.model = self._load(cfg, checkpoint, device)
        self.visualizer = VISUALIZERS.build(cfg.visualizer)
        self.visualizer.dataset_meta = self.model.dataset_meta

    def _load(self, cfg: Config, checkpoint: str, device: str) -> nn.Module:
        if self.segments:
            from mmseg.apis import init_model as load
        else:
            from mmdet.apis import init_detector as load
        # The file is judged before mmdet or mmseg takes from it whatever happens to fit.
        weights = state_dict_of(CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent'), checkpoint)
        model = load(cfg, checkpoint, device=device)
        complaint = describe(model, weights)
        if complaint:
            raise CheckpointError(f'checkpoint {checkpoint} {complaint}')
        return model

    def draw(self, picture: Path, out_file: Path, threshold: float = 0.3):
        """Predict one picture, write it with what was found, and return mm's data sample.

        Args:
            picture: file to read.
            out_file: file to write.
            threshold: detections with a lower score (0 to 1) are not drawn.

        Raises:
            DatasetError: the picture cannot be read.
            ConfigError: `out_file` is the picture itself.
        """
        try:
            image = mmcv.imread(picture, channel_order='rgb')
        except Exception:
            image = None
        if image is None:
            raise DatasetError(f'picture {picture} is missing or cannot be read')
        if Path(out_file).resolve() == Path(picture).resolve():
            raise ConfigError(f'{out_file} is the picture itself, which would be overwritten: write to another folder')
        if self.segments:
            from mmseg.apis import inference_model as predict
        else:
            from mmdet.apis import inference_detector as predict
        sample = predict(self.model, str(picture))
        options = {} if self.segments else dict(pred_score_thr=threshold)
        self.visualizer.add_datasample(picture.name, image, sample, draw_gt=False, show=False, out_file=str(out_file),
                                       **options)
        return sample
