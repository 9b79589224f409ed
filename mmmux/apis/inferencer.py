"""Predictions for single pictures, drawn."""
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, VISUALIZERS, init_default_scope
from mmengine.runner import CheckpointLoader
from PIL import Image
from torch import nn

from mmmux.checkpoints.pretrained import check_numbers, dataset_meta_of, describe, state_dict_of
from mmmux.config.load import classifies, innermost_dataset, segments
from mmmux.config.preflight import check_checkpoint
from mmmux.config.suggestions import explained
from mmmux.datasets.loading import read_picture
from mmmux.utils.errors import CheckpointError, ConfigError
from mmmux.visualization.overlay import overlay
from mmmux.visualization.scores import with_scores


class Painter:
    """A trained detector, segmentor or classifier that draws what it finds.

    Args:
        cfg: its config; `default_scope` tells whether mmdet, mmseg or mmpretrain runs it.
        checkpoint: file or URL of its weights.
        device: 'cpu', 'cuda:0', ...; None takes a GPU if there is one.

    Raises:
        CheckpointError: the weights are not this model's.
        ConfigError: neither the checkpoint nor the config tells the classes.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str | None = None):
        check_checkpoint(checkpoint, 'CHECKPOINT')
        self.segments, self.classifies = segments(cfg), classifies(cfg)
        device = device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
        if self.classifies:
            init_default_scope(cfg.default_scope)
        with explained(cfg):
            self.model = self._load(cfg, checkpoint, device)
        if self.classifies:
            pipeline = innermost_dataset(cfg.test_dataloader).pipeline
            self.pipeline, self.loads_files = Compose(pipeline), 'LoadImage' in pipeline[0]['type']
        elif not self.segments:
            self.visualizer = VISUALIZERS.build(cfg.visualizer)
            self.visualizer.dataset_meta = self.model.dataset_meta

    def _load(self, cfg: Config, checkpoint: str, device: str) -> nn.Module:
        if self.segments:
            from mmseg.apis import init_model as load
        elif self.classifies:
            from mmpretrain.apis import get_model as load
        else:
            from mmdet.apis import init_detector as load
        # The file is judged before mmdet or mmseg takes from it whatever happens to fit.
        loaded = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent')
        weights = state_dict_of(loaded, checkpoint)
        # A file of weights alone does not tell the classes, and mmseg and mmpretrain would guess them from their number.
        meta = dataset_meta_of(loaded)
        unknown = not meta and (self.segments or self.classifies)
        model = load(cfg, None if unknown else checkpoint, device=device)
        complaint = describe(model, weights)
        if complaint:
            raise CheckpointError(f'checkpoint {checkpoint} {complaint}')
        check_numbers(model, weights, checkpoint)
        if unknown:
            model.load_state_dict(weights, strict=False)
            meta = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), lazy_init=True)).metainfo
            if not meta.get('classes'):
                raise ConfigError(f'the classes are told neither by checkpoint {checkpoint} nor by '
                                  'test_dataloader.dataset.metainfo: set its classes')
        if unknown or self.classifies:  # mmpretrain keeps them under a name of its own
            model.dataset_meta = meta
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
        image = read_picture(picture, channel_order='rgb')
        sample = self.predict(picture)
        if self.segments:
            labels = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
            return overlay(image, labels, self.model.dataset_meta['classes'], self.model.dataset_meta['palette']), sample
        if self.classifies:
            return with_scores(image, sample.pred_score.cpu().numpy(), self.model.dataset_meta['classes']), sample
        self.visualizer.add_datasample(Path(picture).name, image, sample, draw_gt=False, show=False, pred_score_thr=threshold)
        return Image.fromarray(self.visualizer.get_image()), sample

    def in_words(self, sample, threshold: float = 0.3) -> str:
        """How many objects or which class was found, as the end of a line; nothing for a segmentor."""
        if self.segments:
            return ''
        if self.classifies:
            score, label = sample.pred_score.max(0)
            return f", {self.model.dataset_meta['classes'][label]} ({100 * score:.0f} %)"
        return f', {int((sample.pred_instances.scores >= threshold).sum())} objects'

    def predict(self, picture: Path | np.ndarray):
        """mm's data sample of one picture: a file, or (H, W, 3), RGB, where the data set holds pictures and not files."""
        if self.segments:
            from mmseg.apis import inference_model
            return inference_model(self.model, str(picture))
        if self.classifies:
            info = dict(img_path=str(picture)) if self.loads_files else dict(img=_rgb(picture))
            with torch.no_grad():
                return self.model.test_step(pseudo_collate([self.pipeline(info)]))[0]
        from mmdet.apis import inference_detector
        return inference_detector(self.model, str(picture))


def _rgb(picture: Path | np.ndarray) -> np.ndarray:
    return picture if isinstance(picture, np.ndarray) else read_picture(picture, channel_order='rgb')
