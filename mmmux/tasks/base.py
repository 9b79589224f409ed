"""The interface of a task, and the task of a config."""
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, Registry
from mmengine.runner import CheckpointLoader
from PIL import Image
from torch import Tensor, nn

from mmmux.analysis.dataset_check.layout import Layout
from mmmux.analysis.results import Results
from mmmux.checkpoints.pretrained import check_numbers, dataset_meta_of, describe, state_dict_of
from mmmux.config.load import innermost_dataset
from mmmux.datasets.loading import read_picture
from mmmux.deploy.verify import largest_difference
from mmmux.utils.errors import CheckpointError, ConfigError

TASKS = Registry('task', scope='mmmux', locations=['mmmux.tasks'])


class Task(ABC):
    """Everything that differs between one task and another, such as detection and segmentation.

    A subclass that is registered in `TASKS` is used for the configs whose `task` is its name, and for those without a `task`
    whose `default_scope` is its scope.

    Attributes:
        scope: the `default_scope` of its configs: the OpenMMLab package that runs them.
        name: what descriptions of models call the task.
        results: the metrics of the task, and how pages and tables show them.
        guesses_classes: whether the package guesses the classes of weights that do not name them from their number.
    """

    scope: ClassVar[str]
    name: ClassVar[str]
    results: ClassVar[Results]
    guesses_classes: ClassVar[bool] = True

    @classmethod
    def fits(cls, cfg: Config) -> bool:
        """Whether a config that names no task is of this one."""
        return cfg.get('default_scope') == cls.scope

    # Training and testing

    def check_training(self, cfg: Config) -> None:  # noqa: B027  most tasks need nothing
        """Check what only this task needs of a config, before a training.

        Raises:
            ConfigError: a value cannot be used.
        """

    @abstractmethod
    def draw_in_test(self, cfg: Config, folder: Path) -> None:
        """Change a config so that testing draws every prediction into a folder (`--show-dir`).

        Raises:
            ConfigError: the config lacks what draws.
        """

    def dump_in_test(self, cfg: Config, path: Path) -> None:
        """Change a config so that testing writes every prediction to a pickle of dicts (`--out`).

        Raises:
            ConfigError: the path has another suffix.
        """
        if path.suffix not in ('.pkl', '.pickle'):
            raise ConfigError(f'--out {path} must end in .pkl: predictions are written as a pickle of dicts')
        evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
        cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=str(path))]

    # Prediction for single pictures

    def load_model(self, cfg: Config, checkpoint: str, device: str) -> nn.Module:
        """Build the model of a config with the weights of a checkpoint, in evaluation, with its `dataset_meta`.

        Raises:
            CheckpointError: the weights are of another model.
            ConfigError: neither the checkpoint nor the config names the classes.
        """
        # The file is checked before a package loads whatever part of it happens to fit.
        loaded = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent')
        weights, meta = state_dict_of(loaded, checkpoint), dataset_meta_of(loaded)
        unknown = not meta and self.guesses_classes
        model = self.init_model(cfg, None if unknown else checkpoint, device)
        complaint = describe(model, weights)
        if complaint:
            raise CheckpointError(f'checkpoint {checkpoint} {complaint}')
        check_numbers(model, weights, checkpoint)
        if unknown:
            model.load_state_dict(weights, strict=False)
            meta = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), lazy_init=True)).metainfo
            if not meta.get('classes'):
                raise ConfigError(f'the classes are named neither by checkpoint {checkpoint} nor by '
                                  'test_dataloader.dataset.metainfo: set its classes')
        if meta:
            model.dataset_meta = meta
        return model

    @abstractmethod
    def init_model(self, cfg: Config, checkpoint: str | None, device: str) -> nn.Module:
        """Build a model with the function of its package; with None, the weights are as they start."""

    @abstractmethod
    def predictor(self, cfg: Config, model: nn.Module) -> Callable[[Path | np.ndarray], Any]:
        """A function from a picture (a file, or (H, W, 3), RGB, 0 to 255) to the data sample of its prediction."""

    @abstractmethod
    def draw(self, image: np.ndarray, sample, model: nn.Module, cfg: Config, threshold: float) -> Image.Image:
        """Draw a prediction.

        Args:
            image: (H, W, 3), RGB, 0 to 255.
            sample: from :meth:`predictor`.
            model: from :meth:`load_model`; its `dataset_meta` has the classes.
            cfg: the config of the model.
            threshold: lowest score, 0 to 1, of a detection that is drawn.
        """

    def summary(self, sample, model: nn.Module, threshold: float) -> str:
        """A few words on a prediction for the end of a line, beginning with a comma; empty where there are none."""
        return ''

    def columns(self, dataset, sample, predictors: Mapping[str, Callable], painters: Mapping[str, Callable], cfg: Config,
                threshold: float) -> dict[str, Image.Image]:
        """The pictures of one row of a results page, by heading: what the labels say, then what each model predicts.

        Args:
            dataset: the data set of the test.
            sample: one of its data samples, with labels.
            predictors: for each model a function from a picture to a data sample.
            painters: for each model a function from a picture to a drawn picture.
            cfg: the config of the data set.
            threshold: as in :meth:`draw`.
        """
        picture = Image.fromarray(rgb(sample.img_path))
        return dict(picture=picture, **{name: paint(sample.img_path) for name, paint in painters.items()})

    def picture_name(self, dataset, sample, index: int) -> str:
        """The file name, without a suffix, of a test picture on a results page."""
        return Path(sample.img_path).stem

    # Data sets

    def layouts(self) -> Sequence[tuple[type, type[Layout]]]:
        """What reads data sets of a class picture by picture in a check; others are read by what they say of their pictures."""
        return ()

    # Deployment

    @abstractmethod
    def deployable(self, model: nn.Module, raw: bool) -> nn.Module:
        """The model as a function from prepared pictures (N, 3, H, W) to a tuple of tensors.

        Args:
            model: in evaluation.
            raw: leave out non-maximum suppression, arg max and softmax.

        Returns:
            A module with `outputs`: for each output its name and meaning.

        Raises:
            ConfigError: a model of this kind cannot be exported.
        """

    def output_order(self, raw: bool) -> str:
        """What an exported file says about the order of its outputs."""
        return ''

    def difference(self, names: Sequence[str], ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray],
                   precision: str) -> str | None:
        """Compare an export's outputs with the model's, as :func:`mmmux.deploy.verify.largest_difference` does."""
        return largest_difference(names, ours, theirs, precision)

    @abstractmethod
    def put_prediction(self, sample, *outputs: Tensor) -> None:
        """Put an export's outputs for one picture into a data sample, where the evaluator looks for a prediction."""


def add_hook(cfg: Config, hook: dict) -> None:
    """Add a hook to a config's `custom_hooks`."""
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]


def find_task(cfg: Config) -> Task | None:
    """The task of a config: the one it names, or else that of its `default_scope`; None if there is none.

    Raises:
        ConfigError: the name is not that of a registered task.
    """
    TASKS.import_from_location()
    name = cfg.get('task')
    if name is not None:
        if name not in TASKS.module_dict:
            raise ConfigError(f"task '{name}' of the config is not known: choose from {', '.join(TASKS.module_dict)}, or name "
                              'the module that registers it in custom_imports')
        return TASKS.get(name)()
    # Of two that fit, the one that was registered later is the more special one.
    return next((task() for task in reversed(TASKS.module_dict.values()) if task.fits(cfg)), None)


def task_of(cfg: Config) -> Task:
    """As :func:`find_task`.

    Raises:
        ConfigError: the config has no task that is known.
    """
    task = find_task(cfg)
    if task is None:
        scopes = dict.fromkeys(each.scope for each in TASKS.module_dict.values())
        raise ConfigError(f"default_scope '{cfg.get('default_scope')}' of the config is none of {', '.join(scopes)}: set it, "
                          "or name the task, e.g. task = 'Detection'")
    return task


def rgb(picture: Path | np.ndarray) -> np.ndarray:
    """A picture, (H, W, 3), RGB: as it is, or read from a file."""
    return picture if isinstance(picture, np.ndarray) else read_picture(picture, channel_order='rgb')
