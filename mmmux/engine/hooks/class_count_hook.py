"""Hook that compares the number of classes of the data with that of the heads of a segmentor or classifier."""
import re

from mmengine.hooks import Hook
from torch import nn

from mmmux.registry import HOOKS
from mmmux.utils.errors import ConfigError


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse to train or test a segmentor or classifier whose heads have a different number of classes than the data set.

    mmdet has a hook for this check (NumClassCheckHook). mmseg has none, and the check of mmpretrain raises an AssertionError.

    Raises:
        ConfigError: The numbers of classes differ. The message names the head and both numbers.
    """

    def before_train(self, runner) -> None:
        """Compare with the training data and, if the training is validated, with the validation data."""
        _check(runner.model, runner.train_dataloader.dataset, 'train_dataloader')
        if getattr(runner, 'val_loop', None) is not None:
            self.before_val(runner)

    def before_val(self, runner) -> None:
        """Compare with the validation data."""
        _check(runner.model, runner.val_dataloader.dataset, 'val_dataloader')

    def before_test(self, runner) -> None:
        """Compare with the test data."""
        _check(runner.model, runner.test_dataloader.dataset, 'test_dataloader')


_SCORING_LAYERS = ('conv_seg', 'fc', 'layers', 'head')  # conv_seg in heads of segmentors, the others in heads of classifiers


def _check(model: nn.Module, dataset, loader: str) -> None:
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    if classes is None:
        return
    for name, module in model.named_modules():
        scored = getattr(module, 'num_classes', None)
        if scored not in (None, len(classes)) and any(hasattr(module, layer) for layer in _SCORING_LAYERS):
            name = re.sub(r'^(module\.)+', '', name)  # distributed training and test-time augmentation wrap the model
            raise ConfigError(f'model.{name}.num_classes is {scored}, and the data set of {loader} has {len(classes)} classes: '
                              f'set it to {len(classes)} in every head')
