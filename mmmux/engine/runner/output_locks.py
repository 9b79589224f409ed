"""Hold the locks of everything that a training or test writes to, in the first of its processes."""
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process

from mmmux.utils.errors import ConfigError
from mmmux.utils.write_lock import WriteLock

_FILES = ('.pkl', '.pickle')  # suffixes of the outputs that are files and not folders


@contextmanager
def outputs_locked(outputs: Mapping[str, str | Path | None]) -> Iterator[None]:
    """Exclude other runs from the outputs of this run, while this context lasts.

    The first process of a distributed run holds the locks. If it is refused one, every process raises the same error, so that
    none waits for it.

    Args:
        outputs (Mapping[str, str | Path | None]): Folders and files, by the option or config key that names them; a None is
            ignored.

    Raises:
        ConfigError: Another run writes to one of the outputs, or its folder cannot be made.
    """
    with ExitStack() as held:
        refusal = [_refusal(held, outputs) if is_main_process() else None]
        broadcast_object_list(refusal)
        if refusal[0]:
            raise ConfigError(refusal[0])
        yield


def training_outputs(cfg: Config) -> dict[str, str]:
    """Return the folders that a training writes to, by option or config key: the work dir, and that of its checkpoints.

    Args:
        cfg (Config): The config of the training.
    """
    outputs = {'--work-dir': cfg.work_dir}
    out_dir = str((cfg.get('default_hooks', {}).get('checkpoint') or {}).get('out_dir') or '')
    if out_dir not in ('', str(cfg.work_dir)) and '://' not in out_dir:
        outputs['default_hooks.checkpoint.out_dir'] = str(Path(out_dir) / Path(cfg.work_dir).name)  # as mmengine's hook has it
    return outputs


def _refusal(held: ExitStack, outputs: Mapping[str, str | Path | None]) -> str | None:
    """Enter the locks; return the message of the first error, or None."""
    targets: dict[str, tuple[str, str | Path]] = {}
    for option, output in outputs.items():
        if output is not None:
            targets.setdefault(os.path.abspath(output), (option, output))
    try:
        for option, output in targets.values():
            held.enter_context(WriteLock(output, option, is_file=Path(output).suffix in _FILES))
    except ConfigError as error:
        return str(error)
    return None
