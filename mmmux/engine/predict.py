"""Predictions for single pictures, drawn."""
from pathlib import Path

import mmcv
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, VISUALIZERS
from mmengine.runner import CheckpointLoader
from PIL import Image
from torch import nn

from mmmux.checkpoints.pretrained import describe, state_dict_of
from mmmux.errors import CheckpointError, ConfigError, DatasetError

from .overlay import overlay
from .preflight import check_checkpoint
from .settings import innermost_dataset, segments


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
        self.segments = segments(cfg)
        device = device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
        self.model = self._load(cfg, checkpoint, device)
        if not self.segments:
            self.visualizer = VISUALIZERS.build(cfg.visualizer)
            self.visualizer.dataset_meta = self.model.dataset_meta

    def _load(self, cfg: Config, checkpoint: str, device: str) -> nn.Module:
        if self.segments:
            from mmseg.apis import init_model as load
        else:
            from mmdet.apis import init_detector as load
        # The file is judged before mmdet or mmseg takes from it whatever happens to fit.
        loaded = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent')
        weights = state_dict_of(loaded, checkpoint)
        # A file of weights alone does not tell the classes, and mmseg would guess them from their number.
        classes = (loaded.get('meta') or {}).get('dataset_meta')
        if self.segments and not classes:
            model = load(cfg, None, device=device)
            model.load_state_dict(weights, strict=False)
            model.dataset_meta = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), lazy_init=True)).metainfo
        else:
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
        if Path(out_file).resolve() == Path(picture).resolve() and Path(picture).exists():
            raise ConfigError(f'{out_file} is the picture itself, which would be overwritten: write to another folder')
        image, sample = self.drawn(picture, threshold)
        image.save(out_file)
        return sample

    def drawn(self, picture: Path, threshold: float = 0.3) -> tuple:
        """As :meth:`draw`, but return the drawn picture (Pillow) and the data sample."""
        try:
            image = mmcv.imread(picture, channel_order='rgb')
        except Exception:
            image = None
        if image is None:
            raise DatasetError(f'picture {picture} is missing or cannot be read')
        sample = self.predict(picture)
        if self.segments:
            labels = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
            return overlay(image, labels, self.model.dataset_meta['classes'], self.model.dataset_meta['palette']), sample
        self.visualizer.add_datasample(Path(picture).name, image, sample, draw_gt=False, show=False, pred_score_thr=threshold)
        return Image.fromarray(self.visualizer.get_image()), sample

    def predict(self, picture: Path):
        """mm's data sample of one picture."""
        if self.segments:
            from mmseg.apis import inference_model
            return inference_model(self.model, str(picture))
        from mmdet.apis import inference_detector
        return inference_detector(self.model, str(picture))
