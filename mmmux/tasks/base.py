"""The interface of a task."""
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS
from PIL import Image
from torch import Tensor, nn

from mmmux.analysis.confusion import Confusion
from mmmux.analysis.dataset_check.layout import Layout
from mmmux.analysis.precision_recall import PrecisionRecall
from mmmux.analysis.results import Results
from mmmux.config.hooks import add_hook
from mmmux.config.load import innermost_dataset
from mmmux.datasets.class_lists import full_palette
from mmmux.datasets.predicted_labels import LabelWriter
from mmmux.deploy.load_model import trained_model
from mmmux.deploy.tensor_mode import TensorMode
from mmmux.deploy.verify import largest_difference
from mmmux.utils.errors import ConfigError

from .loss_checks import check_class_weights
from .pipeline_predictor import pipeline_predictor, rgb


class Predictor(Protocol):
    """A trained model that predicts single pictures; :class:`mmmux.apis.inferencer.Inferencer` is one."""

    cfg: Config

    def predict(self, picture: Path | np.ndarray) -> Any: ...

    def drawn(self, picture: Path, threshold: float) -> tuple[Image.Image, Any]: ...


class Task(ABC):
    """Base class of a task, which holds everything that differs between tasks, for example detection and segmentation.

    A subclass that is registered in `TASKS` is used for the configs whose `task` is its class name, and for those without a
    `task` whose `default_scope` is its scope. Only :meth:`draw` must be written; the other methods have defaults.

    Attributes:
        scope: the `default_scope` of its configs, that is the package that registers its models; '' for a task that is used
            only where a config names it.
        name: the task's name in the metadata of exported files; by default the name of the class in lower case.
        results: the metrics of the task, for results pages and tables of models; None if the task has no such pages.
        has_classes: whether predictions have class names, which a checkpoint or the config's test data must give.
    """

    scope: ClassVar[str] = ''
    name: ClassVar[str] = ''
    results: ClassVar[Results | None] = None
    has_classes: ClassVar[bool] = True

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.name = cls.name or cls.__name__.lower()

    @classmethod
    def fits(cls, cfg: Config) -> bool:
        """Return whether this is the task of a config without a `task`.

        Args:
            cfg: the config.
        """
        return cfg.get('default_scope') == cls.scope

    # Training and testing

    def check_training(self, cfg: Config) -> None:  # noqa: B027  most tasks need nothing
        """Check, before a training, the values of a config that only this task needs.

        Args:
            cfg: the config of the training.

        Raises:
            ConfigError: a value cannot be used.
        """

    def check_model(self, cfg: Config) -> None:
        """Check the model of a config, before a training, a test or a prediction.

        The default compares the number of class weights of each loss with :meth:`scored`.

        Args:
            cfg: the config.

        Raises:
            ConfigError: the model cannot be trained as it is.
        """
        check_class_weights(cfg.get('model') or {}, self.scored)

    def scored(self, head: Mapping, loss: Mapping) -> int:
        """Return the number of values that a head scores, and that `class_weight` of a loss must have.

        Args:
            head: the config of the head, with `num_classes`.
            loss: the config of one of its losses.
        """
        return head['num_classes']

    def draw_in_test(self, cfg: Config, folder: Path) -> None:
        """Change a config so that testing draws every prediction into a folder (`--show-dir`).

        The default draws each picture with :meth:`draw`.

        Args:
            cfg: the config of the test, changed in place.
            folder: folder for the drawn pictures.

        Raises:
            ConfigError: the config lacks the hook that draws.
        """
        add_hook(cfg, dict(type='mmmux.tasks.draw_hook.DrawPredictionsHook', out_dir=str(folder)))

    def dump_in_test(self, cfg: Config, path: Path) -> None:
        """Change a config so that testing writes every prediction to a pickle of dicts (`--out`).

        Args:
            cfg: the config of the test, changed in place.
            path: file to write, with the suffix .pkl or .pickle.

        Raises:
            ConfigError: the path has another suffix.
        """
        if path.suffix not in ('.pkl', '.pickle'):
            raise ConfigError(f'--out {path} must end in .pkl or .pickle: predictions are written as a pickle of dicts')
        evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
        cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=str(path))]

    def confusion(self, cfg: Config, results: Path, threshold: float) -> Confusion:
        """Count which classes were predicted for which, in the predictions that a test wrote with `--out`.

        Args:
            cfg: the config of the test.
            results: the file or folder that was given to `--out`.
            threshold: lowest score, 0 to 1, of a detection that is counted; tasks without such scores ignore it.

        Raises:
            ConfigError: the predictions are not of the test data, or the task has no confusion matrix.
        """
        raise ConfigError(f'task {type(self).__name__} does not define a confusion matrix')

    def cut_into_tiles(self, cfg: Config, size: int, overlap: float) -> None:
        """Change a config so that testing and predicting cut large images into tiles (`--tiles`).

        Args:
            cfg: the config, changed in place.
            size: side of a tile in pixels.
            overlap: overlap of neighbouring tiles as a share of the side, 0 to below 1.

        Raises:
            ConfigError: the task predicts no tiles.
        """
        raise ConfigError(f'task {type(self).__name__} predicts no tiles: leave --tiles out')

    def precision_recall(self, cfg: Config, results: Path, iou: float) -> PrecisionRecall:
        """Compute precision and recall of each class, from the predictions that a test wrote with `--out`.

        Args:
            cfg: the config of the test.
            results: the file that was given to `--out`.
            iou: overlap with an object that a right box has at least, 0 to 1; tasks without boxes ignore it.

        Raises:
            ConfigError: the predictions are not of the test data, or the task has no such curves.
        """
        raise ConfigError(f'task {type(self).__name__} defines no curves of precision and recall')

    # Prediction for single pictures

    def load_model(self, cfg: Config, checkpoint: str, device: str) -> nn.Module:
        """Build the model of a config with the weights of a checkpoint.

        Args:
            cfg: the config of the model.
            checkpoint: file or URL of its weights.
            device: 'cpu', 'cuda:0', ...

        Returns:
            The model in evaluation mode, with `cfg` and with the `dataset_meta` of its training data.

        Raises:
            CheckpointError: the file is missing, or the weights are of another model.
            ConfigError: neither the checkpoint nor the config names the classes.
        """
        self.check_model(cfg)
        model = trained_model(cfg, checkpoint).to(device)
        model.cfg = cfg
        if not model.dataset_meta:
            model.dataset_meta = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), lazy_init=True)).metainfo
            if self.has_classes and not model.dataset_meta.get('classes'):
                raise ConfigError(f'neither checkpoint {checkpoint} nor test_dataloader.dataset.metainfo of the config names '
                                  'the classes: set metainfo.classes')
        model.dataset_meta = full_palette(model.dataset_meta)
        return model

    def predictor(self, model: nn.Module) -> Callable[[Path | np.ndarray], Any]:
        """Build a function from a picture to its prediction.

        The default runs the config's test pipeline, without the steps that load annotations, and the model's `test_step`.

        Args:
            model: from :meth:`load_model`.

        Returns:
            A function from a file, or an array (H, W, 3), RGB, 0 to 255, to the data sample that the model returns. If its
            attribute `takes_pixels` is True, it predicts the same for a file and for the array of the file's pixels.
        """
        return pipeline_predictor(model)

    @abstractmethod
    def draw(self, image: np.ndarray, sample, model: nn.Module, threshold: float) -> Image.Image:
        """Draw a prediction.

        Args:
            image: (H, W, 3), RGB, 0 to 255.
            sample: from :meth:`predictor`.
            model: has `cfg` and `dataset_meta`, as :meth:`load_model` sets them.
            threshold: lowest score, 0 to 1, of a detection that is drawn; tasks without such scores ignore it.

        Returns:
            The picture with the prediction; a legend or scores beside it may make it larger than W x H pixels.
        """

    def summary(self, sample, model: nn.Module, threshold: float) -> str:
        """Describe a prediction in a few words for the end of a printed line.

        Args:
            sample, model, threshold: as in :meth:`draw`.

        Returns:
            The words, beginning with a comma; '' by default.
        """
        return ''

    def label_writers(self) -> Mapping[str, type[LabelWriter]]:
        """Return the formats in which predictions are written for labelling tools (`--labels`): name -> writer.

        The default has none.
        """
        return {}

    def written(self, sample, model: nn.Module, threshold: float) -> Any:
        """Convert a prediction for the writers of :meth:`label_writers`.

        Args:
            sample, model, threshold: as in :meth:`draw`.

        Raises:
            ConfigError: the task does not define it.
        """
        raise ConfigError(f'task {type(self).__name__} defines no files of labels: leave --labels out')

    def columns(self, dataset, sample, models: Mapping[str, Predictor], threshold: float) -> dict[str, Image.Image]:
        """Draw the pictures of one row of a results page: the labels, then the prediction of each model.

        Args:
            dataset: the data set of the test.
            sample: one of its data samples, with labels and `img_path`.
            models: by name.
            threshold: as in :meth:`draw`.

        Returns:
            dict: the pictures by heading. All are resized to one height, but for 'classes', which is for a legend.
        """
        picture = Image.fromarray(rgb(sample.img_path))
        return dict(picture=picture, **{name: model.drawn(sample.img_path, threshold)[0] for name, model in models.items()})

    def picture_name(self, dataset, sample, index: int) -> str:
        """Return the file name, without a suffix, of a test picture on a results page.

        Args:
            dataset: the data set of the test.
            sample: one of its data samples.
            index: number of the sample in the data set, from 0.
        """
        return Path(sample.img_path).stem

    # Data sets

    def layouts(self) -> Sequence[tuple[type, type[Layout]]]:
        """Return pairs: a class of data sets, and the layout that reads them in a check.

        Data sets of other classes are read by :class:`mmmux.analysis.dataset_check.any_layout.AnyLayout`.
        """
        return ()

    # Deployment

    def deployable(self, model: nn.Module, raw: bool) -> nn.Module:
        """Turn a model into a function from prepared pictures (N, 3, H, W) to a tuple of tensors.

        The default is `forward` in mmengine's mode 'tensor', which must return one tensor.

        Args:
            model: in evaluation mode.
            raw: leave out the steps after the network, such as non-maximum suppression, arg max and softmax.

        Returns:
            A module with `outputs`, a dict from the name of each output to its meaning, and with `order`, a phrase on the order
            of the values in them, or ''.

        Raises:
            ConfigError: a model of this kind cannot be exported.
        """
        return TensorMode(model)

    def difference(self, names: Sequence[str], ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray],
                   precision: str) -> str | None:
        """Compare an export's outputs with the model's, as :func:`mmmux.deploy.verify.largest_difference` does.

        Args:
            names: names of the outputs.
            ours: the outputs of the exported file.
            theirs: the outputs of :meth:`deployable`.
            precision: number type of the file, 'fp32' or 'fp16'.

        Returns:
            The difference in words; None if the outputs differ by rounding only.
        """
        return largest_difference(names, ours, theirs, precision)

    def put_prediction(self, sample, *outputs: Tensor) -> None:
        """Put an export's outputs for one picture into a data sample, in the fields that the evaluator reads.

        Args:
            sample: a data sample of the test data, changed in place.
            outputs: the outputs of :meth:`deployable` with `raw=False`, without the dimension N.

        Raises:
            ConfigError: the task does not define it, so that the metric of an exported file cannot be measured.
        """
        raise ConfigError(f'the metric of an exported file cannot be measured, since task {type(self).__name__} does not '
                          'define put_prediction: export with --measured 0')
