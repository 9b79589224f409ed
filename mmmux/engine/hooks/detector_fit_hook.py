"""Hook that compares a detector with its data: strides, images without objects, and images of very many objects."""
import logging
from collections.abc import Iterator

from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch import Tensor

from mmmux.config.detector_limits import background_sentence, ignores_background, limit_sentence, output_limit
from mmmux.engine.runner.resumable_loader import random_states_kept
from mmmux.models.feature_maps import feature_map_sizes, misfit
from mmmux.registry import HOOKS


@HOOKS.register_module()
class DetectorFitHook(Hook):
    """Warn, before the first iteration, of a detector that cannot learn from its data or cannot return all objects.

    - Before training: the strides of the anchors do not fit the feature maps of the first training image; the training data
      keep images without objects, and the head learns nothing from these.
    - Before testing: images have more labelled boxes than `max_per_img`.

    The hook has no effect on models without anchors and on data sets without boxes.
    """

    def before_train(self, runner) -> None:
        """Compare the strides, and count the images without objects."""
        dataset = runner.train_dataloader.dataset
        _warn(_strides(runner.model, dataset))
        if ignores_background(runner.cfg) and _keeps_empty(dataset):
            empty = sum(not boxes for _, boxes in _boxes(dataset))
            if empty:
                _warn(background_sentence(empty, len(dataset)))

    def before_test(self, runner) -> None:
        """Compare the labelled boxes with the number of boxes that the model returns."""
        found = output_limit(runner.cfg)
        if found is None:
            return
        key, limit = found
        above = [(boxes, name) for name, boxes in _boxes(runner.test_dataloader.dataset) if boxes > limit]
        if above:
            _warn(limit_sentence(key, limit, len(above), *max(above)))


def _warn(sentence: str | None) -> None:
    if sentence:
        print_log(sentence, logger='current', level=logging.WARNING)


def _strides(model, dataset) -> str | None:
    while hasattr(model, 'module'):  # distributed training wraps the model
        model = model.module
    generator = next((module.prior_generator for module in model.modules() if hasattr(module, 'prior_generator')), None)
    if not hasattr(generator, 'strides') or not hasattr(model, 'extract_feat'):
        return None
    with random_states_kept():
        inputs = dataset[0].get('inputs')
    if not isinstance(inputs, Tensor):  # semi-supervised detectors have several pictures
        return None
    size = inputs.shape[-1], inputs.shape[-2]
    # The generator holds pairs; the config has one number for both directions.
    strides = [pair[0] if pair[0] == pair[1] else tuple(pair) for pair in generator.strides]
    return misfit(strides, feature_map_sizes(model, size), size)


def _innermost(dataset) -> Iterator:
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _innermost(part)
    elif hasattr(dataset, 'dataset'):
        yield from _innermost(dataset.dataset)
    else:
        yield dataset


def _keeps_empty(dataset) -> bool:
    """Return True if a data set inside the wrappers keeps images without objects, which is known without reading them."""
    return any(not (getattr(part, 'filter_cfg', None) or {}).get('filter_empty_gt', False) for part in _innermost(dataset))


def _boxes(dataset) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of labelled boxes of each image; none for data sets without boxes."""
    for index in range(len(dataset) if hasattr(dataset, 'get_data_info') else 0):
        info = dataset.get_data_info(index)
        if 'instances' not in info:
            return
        name = info.get('img_id', info.get('img_path', index))
        yield str(name), sum(not instance.get('ignore_flag') for instance in info['instances'])
