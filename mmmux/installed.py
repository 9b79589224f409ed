"""Saying what to install, and what not beside each other."""
import contextlib
import importlib.util
import warnings
from importlib.metadata import PackageNotFoundError, version

from mmmux.errors import ConfigError

# Distributions that write the same module: of two, whichever was installed last is there, with what is left of the other.
_SAME_MODULE = (('mmengine', 'mmengine-lite', 'onedl-mmengine'), ('mmcv', 'mmcv-lite', 'onedl-mmcv'),
                ('mmdet', 'onedl-mmdetection'), ('mmsegmentation', 'onedl-mmsegmentation'), ('mmpretrain', 'onedl-mmpretrain'))


def need(extra: str, *packages: str) -> None:
    """Check that the optional packages of an extra of `setup.py` can be imported.

    Raises:
        ConfigError: one cannot.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} cannot be imported: pip install 'mmmux[{extra}]'")


def installed_versions(*distributions: str) -> dict[str, str]:
    """The versions of those distributions that are installed."""
    versions = {}
    for name in distributions:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def warn_of_two_families() -> None:
    """Warn, in one sentence, where packages of OpenMMLab and of OneDL, or others of the same module, were both installed."""
    found = [both for names in _SAME_MODULE if len(both := installed_versions(*names)) > 1]
    if found:
        pairs = ', '.join(' and '.join(f'{name} {number}' for name, number in both.items()) for both in found)
        names = ' '.join(name for both in found for name in both)
        warnings.warn(f'{pairs} are installed beside each other and have overwritten each other: pip uninstall -y {names}, '
                      'then install those of one family (README, "Which family")', stacklevel=2)
