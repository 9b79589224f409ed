"""Report the exceptions that a batch of wrong sizes raises in the OpenMMLab packages and in torch as a ConfigError."""
import contextlib
from collections.abc import Iterator
from types import TracebackType

from mmengine.config import Config

from mmmux.utils.errors import ConfigError

_DIFFERENT_SIZES = 'The image size in a batch should be the same'  # mmseg's preprocessor, in testing
_ONE_VALUE = 'Expected more than 1 value per channel when training'  # torch's batch normalisation


@contextlib.contextmanager
def batch_errors_explained(cfg: Config, tested: str) -> Iterator[None]:
    """Convert the exceptions of unsuitable batches in this context to a :class:`ConfigError`.

    Args:
        cfg (Config): The config of the run.
        tested (str): Config key of the data loader of the validation or test, e.g. 'test_dataloader'.

    Raises:
        ConfigError: Images of one test batch have different sizes, or a batch normalisation in training gets one value per
            channel. Other exceptions are not converted.
    """
    try:
        yield
    except AssertionError as error:
        if _DIFFERENT_SIZES not in str(error):
            raise
        sizes = ', '.join(f'{width} x {height}' for width, height in _sizes(error.__traceback__))
        raise ConfigError(f'{tested}.batch_size is {cfg[tested].get("batch_size")}, and pictures of one batch have different '
                          f'sizes after its pipeline ({sizes}): set {tested}.batch_size=1, or resize all to one size '
                          "(dict(type='Resize', scale=(width, height), keep_ratio=False))") from error
    except ValueError as error:
        if _ONE_VALUE not in str(error):
            raise
        raise ConfigError(f'batch normalisation needs two values per channel, and a training batch gives it one ({error}): set '
                          f'train_dataloader.batch_size, which is {cfg.train_dataloader.get("batch_size")}, to 2 or more and '
                          'train_dataloader.drop_last=True') from error


def _sizes(traceback: TracebackType) -> list[tuple[int, int]]:
    """Return (width, height) of the images of the batch that the failed function got, sorted, each once."""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    inputs = traceback.tb_frame.f_locals.get('inputs') or ()
    return sorted({(image.shape[-1], image.shape[-2]) for image in inputs})
