"""Semantic segmentation with mmseg."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.structures import PixelData
from PIL import Image
from torch import Tensor, nn

from mmmux.analysis.precision_recall import PrecisionRecall
from mmmux.analysis.results import Results
from mmmux.config.load import innermost_dataset
from mmmux.datasets.predicted_labels import LabelMapFiles, LabelWriter
from mmmux.deploy.segmentor import Segmentor
from mmmux.engine.hooks.seg_predictions_hook import original_numbers
from mmmux.utils.errors import ConfigError
from mmmux.visualization.overlay import blend, legend, overlay

from .base import TASKS, Predictor, Task, add_hook, rgb


@TASKS.register_module()
class Segmentation(Task):
    """Semantic segmentation: a class for every pixel."""

    scope = 'mmseg'
    name = 'segmentation'
    results = Results(
        metric='mIoU', columns={'mIoU': 'mIoU', 'pixel accuracy': 'aAcc', 'mean accuracy': 'mAcc'}, by_class='IoU/',
        class_heading='IoU', digits=2, explained='IoU and accuracy in percent, at one scale.',
        metafile_task='Semantic Segmentation', metafile_metric='mIoU')

    def check_training(self, cfg: Config) -> None:
        """Check that training crops fit into the size that they are padded to.

        mmseg does not pad a larger crop, so a batch with a larger and a smaller crop could not be stacked.

        Args:
            cfg: the config of the training.

        Raises:
            ConfigError: a crop is larger, or the config does not define the size that batches are padded to.
        """
        preprocessor = cfg.model.get('data_preprocessor') or {}
        if not str(preprocessor.get('type', '')).endswith('SegDataPreProcessor'):
            return
        padded = preprocessor.get('size')
        if (padded is None) == (preprocessor.get('size_divisor') is None):
            raise ConfigError('model.data_preprocessor must have either size or size_divisor, the size that batches are padded '
                              f'to, got size={padded} and size_divisor={preprocessor.get("size_divisor")}: set one of them')
        for transform in innermost_dataset(cfg.train_dataloader).get('pipeline', []):
            crop = transform.get('crop_size') if transform['type'].endswith('RandomCrop') else None
            crop = (crop, crop) if isinstance(crop, int) else crop
            if crop and padded and any(side > limit for side, limit in zip(crop, padded)):
                raise ConfigError(f'crop_size {tuple(crop)} of the training pipeline is larger than '
                                  f'model.data_preprocessor.size {tuple(padded)}, which pictures are padded to: make both the '
                                  'same')

    def draw_in_test(self, cfg: Config, folder: Path) -> None:
        """See :meth:`Task.draw_in_test`: classes, with a legend."""
        add_hook(cfg, dict(type='mmmux.SegPredictionsHook', overlay_dir=str(folder)))

    def dump_in_test(self, cfg: Config, path: Path) -> None:
        """Change a config so that testing writes a label map for every picture into a folder (`--out`).

        Args:
            cfg: the config of the test, changed in place.
            path: the folder.

        Raises:
            ConfigError: the path is that of a file.
        """
        if path.is_file() or path.suffix in ('.pkl', '.pickle', '.png'):
            raise ConfigError(f'--out {path} must be a folder: a segmentor writes a label map for every picture')
        add_hook(cfg, dict(type='mmmux.SegPredictionsHook', label_map_dir=str(path)))

    def cut_into_tiles(self, cfg: Config, size: int, overlap: float) -> None:
        """See :meth:`Task.cut_into_tiles`: mmseg has windows of its own for this."""
        raise ConfigError("--tiles is for detectors: a segmentor predicts tiles with model.test_cfg=dict(mode='slide', "
                          'crop_size=..., stride=...)')

    def precision_recall(self, cfg: Config, results: Path, iou: float) -> PrecisionRecall:
        """See :meth:`Task.precision_recall`: label maps have no scores, so there are no curves."""
        raise ConfigError(f'{results} holds classes without scores, of which there are no curves: for precision, recall and F1 '
                          'of each class, add mFscore to test_evaluator.iou_metrics and test')

    def draw(self, image: np.ndarray, sample, model: nn.Module, threshold: float) -> Image.Image:
        """See :meth:`Task.draw`: classes, with a legend."""
        return overlay(image, _labels(sample.pred_sem_seg), model.dataset_meta['classes'], model.dataset_meta['palette'])

    def label_writers(self) -> Mapping[str, type[LabelWriter]]:
        """See :meth:`Task.label_writers`: label maps."""
        return dict(maps=LabelMapFiles)

    def written(self, sample, model: nn.Module, threshold: float) -> Image.Image:
        """See :meth:`Task.written`: a label map with the class numbers of the data set's own label maps."""
        return original_numbers(_labels(sample.pred_sem_seg), model.dataset_meta)

    def columns(self, dataset, sample, models: Mapping[str, Predictor], threshold: float) -> dict[str, Image.Image]:
        """See :meth:`Task.columns`: the picture, the labels' classes, the models', and one legend for all."""
        image, classes, palette = rgb(sample.img_path), dataset.metainfo['classes'], dataset.metainfo['palette']
        maps = dict(labels=_labels(sample.gt_sem_seg))
        maps.update((name, _labels(model.predict(sample.img_path).pred_sem_seg)) for name, model in models.items())
        columns = dict(picture=Image.fromarray(image), **{name: blend(image, seen, palette) for name, seen in maps.items()})
        columns['classes'] = legend(np.stack(list(maps.values())), classes, palette, with_shares=False)
        return columns

    def layouts(self) -> Sequence[tuple]:
        """See :meth:`Task.layouts`."""
        from mmmux.analysis.dataset_check.label_map_layout import LabelMapLayout
        from mmmux.datasets.segmentation import CheckedSegDataset
        return (CheckedSegDataset, LabelMapLayout),

    def deployable(self, model: nn.Module, raw: bool) -> nn.Module:
        """See :meth:`Task.deployable`: of segmentors that test each picture as a whole, without sliding windows."""
        return Segmentor(model, raw)

    def put_prediction(self, sample, labels: Tensor) -> None:
        """See :meth:`Task.put_prediction`."""
        height, width = sample.img_shape
        labels = labels[None, None, :height, :width].float()
        resized = F.interpolate(labels, size=tuple(sample.ori_shape), mode='nearest')[0].long()
        sample.set_data(dict(pred_sem_seg=PixelData(data=resized)))


def _labels(data: PixelData) -> np.ndarray:
    return data.data.squeeze(0).cpu().numpy()
