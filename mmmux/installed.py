"""Saying what to install."""
import importlib.util

from mmmux.errors import ConfigError


def need(extra: str, *packages: str) -> None:
    """Check that the optional packages of an extra of `setup.py` can be imported.

    Raises:
        ConfigError: one cannot.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} cannot be imported: pip install 'mmmux[{extra}]'")
