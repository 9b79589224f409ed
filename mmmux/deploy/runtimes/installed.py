"""Saying what to install."""
import importlib.util

from mmmux.errors import ConfigError


def need(*packages: str) -> None:
    """Check that optional packages can be imported.

    Raises:
        ConfigError: one cannot.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} cannot be imported: install what export and runtimes need with "
                          "pip install 'mmmux[deploy]'")
