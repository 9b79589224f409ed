"""Check the sliding window with which mmseg predicts large images."""
from collections.abc import Mapping

from mmmux.utils.errors import ConfigError


def check_sliding_window(model: Mapping) -> None:
    """Check `crop_size` and `stride` of `model.test_cfg.mode='slide'`.

    Args:
        model: the config of a model of mmseg.

    Raises:
        ConfigError: `crop_size` or `stride` is missing or is no pair of sizes, or windows would leave pixels out.
    """
    model = model.get('module', model)  # test-time augmentation wraps the model
    test_cfg = model.get('test_cfg') or {}
    if test_cfg.get('mode') != 'slide':
        return
    window, step = test_cfg.get('crop_size'), test_cfg.get('stride')
    for key, value in (('crop_size', window), ('stride', step)):
        sides = value if isinstance(value, (list, tuple)) else ()
        if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise ConfigError(f"model.test_cfg.mode is 'slide', which needs model.test_cfg.{key}, a pair (height, width) in "
                              f'pixels, got {value}: set crop_size, the window, and stride, its step, e.g. (512, 512) and '
                              "(341, 341), or mode='whole'")
    if any(moved > side for moved, side in zip(step, window)):
        raise ConfigError(f'model.test_cfg.stride {tuple(step)} is larger than model.test_cfg.crop_size {tuple(window)}, so '
                          'that windows leave pixels out: set a stride of at most crop_size')
