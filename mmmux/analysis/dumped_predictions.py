"""Read the predictions that a test wrote with `--out`."""
from pathlib import Path

from mmengine.fileio import load

from mmmux.utils.errors import ConfigError


def dumped_predictions(results: Path, pictures: int | None = None) -> list[dict]:
    """Read the pickle that a test wrote with `--out`. Like every pickle it may run code: read none of a stranger's.

    Args:
        results: the file.
        pictures: the number of pictures of the test data. Default: None, any.

    Raises:
        ConfigError: it is no such file, or has another number of predictions.
    """
    if results.suffix not in ('.pkl', '.pickle') or not results.is_file():
        raise ConfigError(f'{results} is not a file of predictions: give what tools/test.py --out wrote, a .pkl file')
    found = load(results)
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise ConfigError(f'{results} holds no list of predictions, as tools/test.py --out writes it')
    if pictures is not None and len(found) != pictures:
        raise ConfigError(f'{results} has {len(found)} predictions, and the test data of the config {pictures} pictures: give '
                          'the config and the options of the test')
    return found
