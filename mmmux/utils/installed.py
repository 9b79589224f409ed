"""Check the installed packages: report missing and incompatible ones.

`mmmux/__init__.py` calls :func:`check_installation` before all other imports, so this module imports only Python's standard
library at its top.
"""
import contextlib
import importlib.util
import re
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import ConfigError, InstallationError, in_a_line

# Distributions that install the same module. If two of them are installed, the later one has overwritten files of the other.
_SAME_MODULE = (('mmengine', 'mmengine-lite', 'onedl-mmengine'), ('mmcv', 'mmcv-lite', 'onedl-mmcv'),
                ('mmdet', 'onedl-mmdetection'), ('mmsegmentation', 'onedl-mmsegmentation'), ('mmpretrain', 'onedl-mmpretrain'))

_WITH_OPERATORS = "'mmmux[openmmlab]' or 'mmmux[onedl]' beside a compiled mmcv"
_CLASSIFICATION = "'mmmux[classification]' into an empty environment"
_SCOPES = {'mmdet': _WITH_OPERATORS, 'mmseg': _WITH_OPERATORS, 'mmpretrain': f'{_WITH_OPERATORS}, or {_CLASSIFICATION}'}


def need(extra: str, *packages: str) -> None:
    """Check that optional packages can be imported.

    Args:
        extra (str): Name of the extra in `pyproject.toml` that installs the packages, for the error message.
        *packages (str): Names of the modules.

    Raises:
        ConfigError: A module is not installed.
    """
    missing = _missing(*packages)
    if missing:
        raise ConfigError(f"{' and '.join(missing)} cannot be imported: pip install 'mmmux[{extra}]'")


def need_scope(scope: str | None) -> None:
    """Check that the package of a config's `default_scope` can be imported.

    Args:
        scope (str | None): Value of `default_scope`. Scopes other than mmdet, mmseg and mmpretrain are not checked.

    Raises:
        ConfigError: The package is not installed; or it is mmpretrain, and torchvision, which mmpretrain imports without
            requiring it, is not installed.
    """
    if scope in _SCOPES and _missing(scope):
        raise ConfigError(f"the config's default_scope is '{scope}', and package {scope} is not installed: pip install "
                          f'{_SCOPES[scope]} (README)')
    if scope == 'mmpretrain' and _missing('torchvision'):
        raise ConfigError("the config's default_scope is 'mmpretrain', whose package imports torchvision, which is not "
                          f"installed: {_install_torchvision(version('torch'))}")


def cannot_be_imported(wanted: str, error: ImportError) -> InstallationError:
    """Return the error to raise where a package that is installed cannot be imported.

    Args:
        wanted (str): What needs the package, for example 'mmmux.SegDataset'.
        error (ImportError): Python's error. Its traceback passes through that one of mmdet, mmseg and mmpretrain.
    """
    passed, traceback = [], error.__traceback__
    while traceback is not None:
        passed.append(traceback.tb_frame.f_globals.get('__name__', '').partition('.')[0])
        traceback = traceback.tb_next
    missing = (error.name or '').partition('.')[0]
    package = next((name for name in passed if name in _SCOPES), missing or 'a package')
    remedy = f'pip install {missing}' if missing and missing != package else f'pip install {_SCOPES.get(package, package)}'
    return InstallationError(f'{wanted} needs {package}, which cannot be imported ({in_a_line(str(error))}): {remedy}')


def has_classification() -> bool:
    """Return True if mmpretrain and torchvision, which mmpretrain imports, are installed."""
    return not _missing('mmpretrain', 'torchvision')


def installed_versions(*distributions: str) -> dict[str, str]:
    """Return the versions of the installed ones of some distributions.

    Args:
        *distributions (str): Names of distributions on PyPI, e.g. 'mmsegmentation'.

    Returns:
        dict[str, str]: Name -> version; distributions that are not installed are omitted.
    """
    versions = {}
    for name in distributions:
        with contextlib.suppress(PackageNotFoundError):
            if number := version(name):  # None if an uninstallation left an empty metadata folder
                versions[name] = number
    return versions


def family() -> str | None:
    """Return the name of the installed family of packages, 'OpenMMLab' or 'OneDL'; None if there is no mmengine."""
    if installed_versions('onedl-mmengine'):
        return 'OneDL'
    return 'OpenMMLab' if installed_versions('mmengine', 'mmengine-lite') else None


def check_installation() -> None:
    """Check that torch, numpy, torchvision, mmengine and mmcv can be imported together.

    Raises:
        InstallationError: A package is missing or incompatible. Python then prints the message without a traceback.
    """
    try:
        _check_numpy()
        _check_modules()
        _check_torchvision()
    except InstallationError:
        sys.excepthook = _print_sentence(sys.excepthook)
        raise


def warn_of_two_families() -> None:
    """Issue a warning if two distributions of the same module are installed, e.g. those of OpenMMLab and OneDL."""
    found = [both for names in _SAME_MODULE if len(both := installed_versions(*names)) > 1]
    if found:
        pairs = ', '.join(' and '.join(f'{name} {number}' for name, number in both.items()) for both in found)
        names = ' '.join(name for both in found for name in both)
        warnings.warn(f'{pairs} are installed beside each other and have overwritten each other: pip uninstall -y {names}, '
                      'then install those of one family (README, "Which family")', stacklevel=2)


def _missing(*packages: str) -> list[str]:
    return [package for package in packages if importlib.util.find_spec(package) is None]


def _check_numpy() -> None:
    # A torch built for numpy 1 prints long traces when imported beside numpy 2 and then refuses every array with the error
    # `Numpy is not available`.
    found = installed_versions('torch', 'numpy')
    if len(found) == 2 and _release(found['torch']) < (2, 3) and _release(found['numpy']) >= (2, 0):
        raise InstallationError(f"torch {found['torch']} was built for numpy 1 and cannot use numpy {found['numpy']}: "
                                "pip install 'numpy<2' 'opencv-python<4.12', or a torch from 2.3 on")


def _check_modules() -> None:
    missing = _missing('mmengine', 'mmcv')
    if missing:
        raise InstallationError(f"{' and '.join(missing)} cannot be imported: pip install {_WITH_OPERATORS}, or "
                                f'{_CLASSIFICATION} (README)')


def _check_torchvision() -> None:
    spec = importlib.util.find_spec('torchvision')
    if spec is None or not spec.origin:
        return
    import torch

    folder, number = Path(spec.origin).parent, ''
    with contextlib.suppress(OSError):
        text = (folder / 'version.py').read_text(encoding='utf-8')
        number = ''.join(re.findall(r"^__version__.*?'([^']+)'", text, re.MULTILINE)[:1])
    if _made_for(number, torch):
        return
    # According to its version, this torchvision was built for another torch. Only importing it, which is slow, decides.
    try:
        import torchvision  # noqa: F401
    except Exception as error:  # `operator torchvision::nms does not exist`, undefined symbols, CUDA versions
        raise InstallationError(
            f'torchvision {number} in {folder} does not fit torch {torch.__version__} '
            f'({in_a_line(str(error)) or type(error).__name__}), and mmengine imports it at the start of every run: '
            f'{_install_torchvision(torch.__version__)}; or, without classifiers, pip uninstall torchvision') from None


def _made_for(number: str, torch) -> bool:
    """Return True if the version of a torchvision, e.g. '0.29.1+cu130', matches the release and build of this torch."""
    build = f"cu{torch.version.cuda.replace('.', '')}" if torch.version.cuda else 'cpu'
    release, _, made_for = number.partition('+')
    return made_for == build and _release(release) == _release(_torchvision_of(torch.__version__))


def _torchvision_of(torch_version: str) -> str:
    """Return the version of torchvision that was published with a version of torch: '2.14.1' -> '0.29.1'."""
    minor, patch = (*re.findall(r'\d+', torch_version)[1:3], '0', '0')[:2]
    return f'0.{int(minor) + 15}.{int(patch)}'


def _install_torchvision(torch_version: str) -> str:
    fitting = _torchvision_of(torch_version)
    return (f'torch {torch_version} needs torchvision {fitting} from the same package index as torch: '
            f'pip install --no-deps --force-reinstall torchvision=={fitting} (--index-url ...)')


def _release(number: str) -> tuple[int, int]:
    major, minor = (*re.findall(r'\d+', number)[:2], '0')[:2]
    return int(major), int(minor)


def _print_sentence(otherwise):
    def hook(kind, error, traceback):
        if not isinstance(error, InstallationError):
            return otherwise(kind, error, traceback)
        print(f'error: {error}', file=sys.stderr)
        if not hasattr(sys, 'ps1'):  # an interactive interpreter (which has sys.ps1) continues
            sys.exit(2)
    return hook
