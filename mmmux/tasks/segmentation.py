"""Semantic segmentation with mmseg."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.structures import PixelData
from PIL import Image
from torch import Tensor, nn

from mmmux.analysis.confusion import Confusion, merged, pairs
from mmmux.analysis.precision_recall import PrecisionRecall
from mmmux.analysis.results import Results
from mmmux.config.careful_loaders import with_careful_loaders
from mmmux.config.hooks import add_hook
from mmmux.config.load import innermost_dataset
from mmmux.config.type_name import type_name
from mmmux.datasets.predicted_labels import LabelMapFiles, LabelWriter
from mmmux.deploy.segmentor import Segmentor
from mmmux.engine.hooks.picture_names import PictureNames
from mmmux.engine.hooks.seg_predictions_hook import original_numbers
from mmmux.utils.errors import ConfigError
from mmmux.visualization.overlay import blend, label_array, legend, overlay

from .base import Predictor, Task
from .find import TASKS
from .loss_checks import channels, check_one_channel
from .pipeline_predictor import rgb
from .sliding_window import check_sliding_window


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

    def check_model(self, cfg: Config) -> None:
        """See :meth:`Task.check_model`; check the sliding window, and that a head with one output channel has a sigmoid."""
        super().check_model(cfg)
        check_one_channel(cfg.get('model') or {})
        check_sliding_window(cfg.model)

    def scored(self, head: Mapping, loss: Mapping) -> int:
        """See :meth:`Task.scored`: the output channels; heads that classify queries score 'no object', too."""
        return head['num_classes'] + 1 if 'num_queries' in head or 'san_cfg' in head else channels(head)

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

    def confusion(self, cfg: Config, results: Path, threshold: float) -> Confusion:
        """See :meth:`Task.confusion`: of pixels, without those that the labels ignore."""
        if not results.is_dir():
            raise ConfigError(f'{results} is not a folder of label maps, as tools/test.py --out writes it for a segmentor')
        loader = with_careful_loaders(cfg.test_dataloader)
        inner = innermost_dataset(loader)
        inner.pipeline = [step for step in inner.pipeline if type_name(step).startswith(('Load', 'Pack'))]
        dataset = DATASETS.build(loader.dataset)
        classes, names, parts = dataset.metainfo['classes'], PictureNames(), []
        numbers = np.asarray(original_numbers(np.arange(len(classes))[None], dataset.metainfo))[0].astype(np.int64)
        for index in range(len(dataset)):
            sample = dataset[index]['data_samples']
            path = results / names.name(sample.img_path, dataset)
            labelled, predicted = label_array(sample.gt_sem_seg), _read_numbers(path)
            place = np.full(max(int(predicted.max()), int(numbers.max())) + 1, -1)
            place[numbers] = np.arange(len(classes))
            if predicted.shape != labelled.shape or (place[predicted] < 0).any():
                raise ConfigError(f'{path} has another size or other classes than the label map of {sample.img_path}: give the '
                                  'config and the options of the test')
            counted = labelled < len(classes)
            parts.append(pairs(labelled[counted], place[predicted][counted], len(classes)))
        return merged(parts, classes, 'pixels')

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
        return overlay(image, label_array(sample.pred_sem_seg), model.dataset_meta['classes'], model.dataset_meta['palette'])

    def label_writers(self) -> Mapping[str, type[LabelWriter]]:
        """See :meth:`Task.label_writers`: label maps."""
        return dict(maps=LabelMapFiles)

    def written(self, sample, model: nn.Module, threshold: float) -> Image.Image:
        """See :meth:`Task.written`: a label map with the class numbers of the data set's own label maps."""
        return original_numbers(label_array(sample.pred_sem_seg), model.dataset_meta)

    def columns(self, dataset, sample, models: Mapping[str, Predictor], threshold: float) -> dict[str, Image.Image]:
        """See :meth:`Task.columns`: the picture, the labels' classes, the models', and one legend for all."""
        image, classes, palette = rgb(sample.img_path), dataset.metainfo['classes'], dataset.metainfo['palette']
        maps = dict(labels=label_array(sample.gt_sem_seg))
        maps.update((name, label_array(model.predict(sample.img_path).pred_sem_seg)) for name, model in models.items())
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


def _read_numbers(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image).astype(np.int64)
    except OSError:
        raise ConfigError(f'label map {path} is missing or cannot be read: give the folder that tools/test.py --out '
                          'wrote') from None
