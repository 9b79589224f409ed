"""Classification with mmpretrain, with one label or several labels for each picture."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS
from PIL import Image
from torch import Tensor, nn

from mmmux.analysis.confusion import Confusion, merged, pairs
from mmmux.analysis.dumped_predictions import dumped_predictions
from mmmux.analysis.precision_recall import PrecisionRecall, one_against_all
from mmmux.analysis.results import Results
from mmmux.config.hooks import add_hook
from mmmux.config.load import innermost_dataset
from mmmux.config.type_name import type_name
from mmmux.datasets.loading import picture_in_memory
from mmmux.datasets.predicted_labels import LabelWriter, ScoreTable
from mmmux.deploy.classifier import Classifier
from mmmux.utils.errors import ConfigError
from mmmux.visualization.scores import with_scores

from .base import Predictor, Task
from .find import TASKS
from .pipeline_predictor import rgb


@TASKS.register_module()
class Classification(Task):
    """Classification with one class for each picture."""

    scope = 'mmpretrain'
    name = 'classification'
    results = Results(
        metric='accuracy/top1', columns={'top-1': 'accuracy/top1'}, by_class='accuracy/top1/', class_heading='class', digits=2,
        explained='Top-1 is the share of pictures whose highest score is right, in percent.',
        metafile_task='Image Classification', metafile_metric='Top 1 Accuracy')

    def draw_in_test(self, cfg: Config, folder: Path) -> None:
        """See :meth:`Task.draw_in_test`: the highest scores."""
        add_hook(cfg, dict(type='mmmux.ClsPredictionsHook', out_dir=str(folder)))

    def confusion(self, cfg: Config, results: Path, threshold: float) -> Confusion:
        """See :meth:`Task.confusion`."""
        dataset = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), lazy_init=True))
        found = dumped_predictions(results)
        if any('gt_label' not in sample for sample in found):
            raise ConfigError(f'{results} has a picture without labels: test the data set of the config with --out')
        labelled, predicted = (np.concatenate([np.asarray(sample[key]).reshape(-1) for sample in found])
                               for key in ('gt_label', 'pred_label'))
        classes = dataset.metainfo.get('classes') or tuple(map(str, range(1 + max(labelled.max(), predicted.max()))))
        if len(labelled) != len(predicted) or max(labelled.max(), predicted.max()) >= len(classes):
            raise ConfigError(f'{results} has no picture with one of the {len(classes)} classes of the config each: give the '
                              'config of the test')
        return merged([pairs(labelled, predicted, len(classes))], classes, 'pictures')

    def precision_recall(self, cfg: Config, results: Path, iou: float) -> PrecisionRecall:
        """See :meth:`Task.precision_recall`: each class against all others."""
        found = dumped_predictions(results)
        scores = np.stack([np.asarray(sample['pred_score']) for sample in found])
        classes = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), lazy_init=True)).metainfo.get('classes')
        classes = classes or tuple(map(str, range(scores.shape[1])))
        labelled = np.zeros(scores.shape, bool)
        for row, sample in zip(labelled, found):
            numbers = np.asarray(sample.get('gt_label', ()), np.int64).reshape(-1)
            if 'gt_label' not in sample or scores.shape[1] != len(classes) or (numbers >= len(classes)).any():
                raise ConfigError(f'{results} has a picture without labels, or of other classes than the {len(classes)} of the '
                                  'config: give the config and the options of the test')
            row[numbers] = True
        return one_against_all(scores, labelled, classes)

    def draw(self, image: np.ndarray, sample, model: nn.Module, threshold: float) -> Image.Image:
        """See :meth:`Task.draw`: the highest scores."""
        return with_scores(image, sample.pred_score.cpu().numpy(), model.dataset_meta['classes'])

    def summary(self, sample, model: nn.Module, threshold: float) -> str:
        """See :meth:`Task.summary`: the class with the highest score."""
        score, label = sample.pred_score.max(0)
        return f", {model.dataset_meta['classes'][label]} ({100 * score:.0f} %)"

    def label_writers(self) -> Mapping[str, type[LabelWriter]]:
        """See :meth:`Task.label_writers`: a table of all images."""
        return dict(csv=ScoreTable)

    def written(self, sample, model: nn.Module, threshold: float) -> list[tuple[int, float]]:
        """See :meth:`Task.written`: the class with the highest score, and this score."""
        score, label = sample.pred_score.max(0)
        return [(int(label), float(score))]

    def columns(self, dataset, sample, models: Mapping[str, Predictor], threshold: float) -> dict[str, Image.Image]:
        """See :meth:`Task.columns`: the models' scores, with the labels' classes marked."""
        picture = sample.get('img_path')
        if picture is None:  # CIFAR's batches hold pictures, not files
            picture = picture_in_memory(dataset.get_data_info(sample.sample_idx))
        return {name: with_scores(rgb(picture), model.predict(picture).pred_score.cpu().numpy(), dataset.metainfo['classes'],
                                  sample.gt_label.tolist()) for name, model in models.items()}

    def picture_name(self, dataset, sample, index: int) -> str:
        """See :meth:`Task.picture_name`: the classes and the name or number of the picture."""
        # Class folders may hold pictures of the same name, CIFAR's pictures have no name, and some X-rays have no finding.
        classes = '-'.join(dataset.metainfo['classes'][label] for label in sample.gt_label) or 'none'
        return f'{classes}-{Path(sample.img_path).stem if "img_path" in sample else index}'

    def layouts(self) -> Sequence[tuple]:
        """See :meth:`Task.layouts`."""
        from mmmux.analysis.dataset_check.folder_layout import FolderLayout
        from mmmux.datasets.classification import CheckedFolders
        return (CheckedFolders, FolderLayout),

    def deployable(self, model: nn.Module, raw: bool) -> nn.Module:
        """See :meth:`Task.deployable`: scores are those of the model's own head."""
        return Classifier(model, raw, _sigmoid if 'MultiLabel' in type(model.head).__name__ else _softmax)

    def put_prediction(self, sample, scores: Tensor) -> None:
        """See :meth:`Task.put_prediction`."""
        sample.set_pred_score(scores).set_pred_label(scores.argmax(0, keepdim=True))


@TASKS.register_module()
class MultiLabelClassification(Classification):
    """Classification with any number of classes for each picture, also none."""

    results = Results(
        metric='auroc/mean', columns={'mean AUROC': 'auroc/mean'}, by_class='auroc/', class_heading='AUROC', digits=3,
        explained='Area under the ROC curve, 0 to 1.', metafile_task='Multi-Label Image Classification',
        metafile_metric='mean AUROC')

    def written(self, sample, model: nn.Module, threshold: float) -> list[tuple[int, float]]:
        """See :meth:`Task.written`: the classes whose score reaches the threshold, and their scores."""
        return [(label, score) for label, score in enumerate(sample.pred_score.tolist()) if score >= threshold]

    @classmethod
    def fits(cls, cfg: Config) -> bool:
        """See :meth:`Task.fits`: the config's head scores each class by itself, or its evaluator measures each by itself."""
        head = (cfg.get('model') or {}).get('head') or {}
        evaluators = cfg.get('test_evaluator') or []
        evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
        measured = any(type_name(evaluator) == 'AUROC' for evaluator in evaluators)
        return super().fits(cfg) and (measured or 'MultiLabel' in str(head.get('type')))


    def confusion(self, cfg: Config, results: Path, threshold: float) -> Confusion:
        """See :meth:`Task.confusion`: this task does not define it."""
        raise ConfigError('a picture of this task has several classes or none, so that no class is taken for another: see the '
                          'AUROC of each class in metrics.json of the test')


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(1)


def _sigmoid(logits: Tensor) -> Tensor:
    return logits.sigmoid()
