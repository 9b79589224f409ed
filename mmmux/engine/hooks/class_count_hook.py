"""Hook that compares the classes of the data with those of the heads, of the evaluators and of the checkpoint."""
import logging
import re
from collections.abc import Mapping, Sequence

from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch import nn

from mmmux.checkpoints.pretrained import dataset_meta_of
from mmmux.datasets.class_lists import class_names, difference, has_open_vocabulary, listed
from mmmux.registry import HOOKS
from mmmux.utils.errors import CheckpointError, ConfigError


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse, before the first iteration, to train or test a model whose classes do not fit.

    mmdet's check of the number of classes (NumClassCheckHook) and mmpretrain's raise an AssertionError, that of the validation
    data only at the first validation; mmseg has none, and nobody compares the names. This hook refuses

    - heads with a different number of classes than a data set;
    - parts of a concatenated data set, or training and validation data, with different classes;
    - in testing and resuming, a checkpoint whose classes differ from those of the data; a training that only starts from such
      a checkpoint logs both lists once. A checkpoint without class names is accepted;
    - a top-k accuracy of more classes than there are.

    Raises:
        ConfigError: The config does not fit its data. The message names the head, data set or evaluator.
        CheckpointError: The checkpoint has other classes.
    """

    def __init__(self):
        self._trained_on = None
        self._training = False

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Note the classes that the checkpoint was trained on."""
        self._trained_on = class_names(dataset_meta_of(checkpoint))

    def before_train(self, runner) -> None:
        """Compare with the training data and, if the training is validated, with the validation data."""
        self._training = True
        names = _check(runner.model, runner.train_dataloader.dataset, 'train_dataloader')
        if getattr(runner, 'val_loop', None) is not None:
            validated = self._check_validation(runner)
            complaint = names and validated and difference(validated, 'val_dataloader', names, 'train_dataloader')
            if complaint:
                raise ConfigError(f'{complaint}: give both the same metainfo.classes')
        self._compare_with_checkpoint(runner, names, 'train_dataloader', refuse=bool(runner.cfg.get('resume'))
                                      if self._trained_on else False)

    def before_val(self, runner) -> None:
        """Compare with the validation data, unless :meth:`before_train` has done it."""
        if not self._training:
            self._compare_with_checkpoint(runner, self._check_validation(runner), 'val_dataloader', refuse=True)

    def before_test(self, runner) -> None:
        """Compare with the test data."""
        names = _check(runner.model, runner.test_dataloader.dataset, 'test_dataloader')
        _check_top_k(getattr(runner, 'test_loop', None), names, 'test_evaluator')
        self._compare_with_checkpoint(runner, names, 'test_dataloader', refuse=True)

    def _check_validation(self, runner) -> tuple[str, ...] | None:
        names = _check(runner.model, runner.val_dataloader.dataset, 'val_dataloader')
        _check_top_k(getattr(runner, 'val_loop', None), names, 'val_evaluator')
        return names

    def _compare_with_checkpoint(self, runner, names: Sequence[str] | None, loader: str, refuse: bool) -> None:
        if not names or not self._trained_on or has_open_vocabulary(runner.cfg.get('model') or {}):
            return
        checkpoint = f'checkpoint {runner.cfg.get("load_from") or f"to resume from in {runner.work_dir}"}'
        complaint = difference(self._trained_on, checkpoint, names, loader)
        if complaint and refuse:
            raise CheckpointError(f"{complaint}: set {loader}'s metainfo.classes to those of the checkpoint, or take another "
                                  'checkpoint')
        if complaint:
            print_log(f'{complaint}: weights of the last layers that are copied begin as those of other classes', 'current',
                      logging.WARNING)


_SCORING_LAYERS = ('conv_seg', 'fc', 'layers', 'head')  # conv_seg in heads of segmentors, the others in heads of classifiers
_OTHER_CLASSES = {'FusedSemanticHead', 'RPNHead', 'GARPNHead', 'STDCHead'}  # of stuff, of objects, and of boundaries


def _check(model: nn.Module, dataset, loader: str) -> tuple[str, ...] | None:
    metainfo = getattr(dataset, 'metainfo', None)
    names = class_names(metainfo)
    if names is None:
        return None
    things = isinstance(metainfo, Mapping) and 'thing_classes' in metainfo  # panoptic data, whose heads share the classes
    by_words = any('language_model' in name for name, _ in model.named_children())  # open vocabulary: any number of classes
    for number, part in enumerate(metainfo if isinstance(metainfo, (list, tuple)) else ()):
        complaint = difference(class_names(part) or (), f'{loader}.dataset.datasets.{number}', names,
                               f'{loader}.dataset.datasets.0')
        if complaint:
            raise ConfigError(f'{complaint}: give all parts the same metainfo.classes')
    for name, module in model.named_modules():
        scored = getattr(module, 'num_classes', None)
        if scored not in (None, len(names)) and not things and not by_words and _scores_classes(module):
            name = re.sub(r'^(module\.)+', '', name)  # distributed training and test-time augmentation wrap the model
            raise ConfigError(f'model.{name}.num_classes is {scored}, and the data set of {loader} has {len(names)} classes, '
                              f'{listed(names)}: set it to {len(names)} in every head')
        top_k = _most(module.topk) if getattr(module, 'cal_acc', False) else 0
        if top_k > len(names):
            raise ConfigError(f'model.{name}.topk is {module.topk}, and the data set of {loader} has {len(names)} classes, '
                              f'{listed(names)}: set it to (1, )')
    return names


def _scores_classes(module: nn.Module) -> bool:
    if _OTHER_CLASSES & {base.__name__ for base in type(module).__mro__}:
        return False
    if any(hasattr(module, layer) for layer in _SCORING_LAYERS):
        return True
    packages = [part for base in type(module).__mro__ for part in base.__module__.split('.')]
    return any(part.endswith('heads') for part in packages)  # the packages keep heads in folders such as `dense_heads`


def _check_top_k(loop, names: Sequence[str] | None, key: str) -> None:
    for metric in getattr(getattr(loop, 'evaluator', None), 'metrics', ()) if names else ():
        top_k = _most(getattr(metric, 'topk', 0))
        if top_k > len(names):
            raise ConfigError(f'{key} ({type(metric).__name__}) asks for the {top_k} highest scores, topk={metric.topk}, of '
                              f'{len(names)} classes, {listed(names)}: set topk=(1, )')


def _most(top_k) -> int:
    return max(top_k, default=0) if isinstance(top_k, (list, tuple)) else top_k if isinstance(top_k, int) else 0
