"""Report the exceptions that a batch of wrong sizes raises in the OpenMMLab packages and in torch as a ConfigError."""
import contextlib
import re
from collections.abc import Iterator
from types import TracebackType

from mmengine.config import Config
from mmengine.runner.base_loop import BaseLoop

from mmmux.utils.errors import ConfigError

_DIFFERENT_SIZES = 'The image size in a batch should be the same'  # mmseg's preprocessor, in testing
# torch, called by the collate function 'default_collate' in this process, and in a loading process.
_NOT_STACKED, _NOT_SHARED = 'stack expects each tensor to be equal size', 'Trying to resize storage that is not resizable'
_ONE_VALUE = 'Expected more than 1 value per channel when training'  # torch's batch normalisation
_SIZE = re.compile(r'\[\d+, (\d+), (\d+)\] at entry')


@contextlib.contextmanager
def batch_errors_explained(cfg: Config, tested: str) -> Iterator[None]:
    """Convert the exceptions of unsuitable batches in this context to a :class:`ConfigError`.

    Args:
        cfg (Config): The config of the run.
        tested (str): Config key of the data loader of the validation or test, e.g. 'test_dataloader'.

    Raises:
        ConfigError: Images of one batch have different sizes, or a batch normalisation in training gets one value per channel.
            Other exceptions are not converted.
    """
    try:
        yield
    except (AssertionError, RuntimeError, ValueError) as error:
        sentence = _explain(error, cfg, tested)
        if sentence is None:
            raise
        raise ConfigError(sentence) from error


def _explain(error: Exception, cfg: Config, tested: str) -> str | None:
    message, frames = str(error), list(_locals(error.__traceback__))
    if isinstance(error, ValueError) and _ONE_VALUE in message:
        return (f'batch normalisation needs two values per channel, and a training batch gives it one ({message}): set '
                f'train_dataloader.batch_size, which is {cfg.train_dataloader.get("batch_size")}, to 2 or more and '
                'train_dataloader.drop_last=True')
    if isinstance(error, AssertionError) and _DIFFERENT_SIZES in message:
        sizes = {(image.shape[-1], image.shape[-2]) for image in frames[-1].get('inputs') or ()}
    elif isinstance(error, RuntimeError) and (_NOT_STACKED in message or (_NOT_SHARED in message and 'collate' in message)):
        sizes = {(int(width), int(height)) for height, width in _SIZE.findall(message)}  # none from a loading process
    else:
        return None
    loop = next((frame['self'] for frame in reversed(frames) if isinstance(frame.get('self'), BaseLoop)), None)
    key = 'train_dataloader' if hasattr(loop, 'max_iters') else tested
    shown = f' ({", ".join(f"{width} x {height}" for width, height in sorted(sizes))})' if sizes else ''
    return (f'{key}.batch_size is {cfg[key].get("batch_size")}, and pictures of one batch have different sizes after its '
            f'pipeline{shown}: set {key}.batch_size=1, or resize all to one size '
            "(dict(type='Resize', scale=(width, height), keep_ratio=False))")


def _locals(traceback: TracebackType | None) -> Iterator[dict]:
    """Yield the local variables of each function that an exception passed, the one that raised it last."""
    while traceback is not None:
        yield traceback.tb_frame.f_locals
        traceback = traceback.tb_next
