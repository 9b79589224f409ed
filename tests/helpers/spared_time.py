"""Leaves out what mmengine does for people at the start of a run: half of a short training."""
from mmengine.config import config
from mmengine.runner import runner

# Formatting the text of the config, and asking for compilers and versions.
SPARED = ((config, 'FormatCode', lambda text, **_: (text, False)), (runner, 'collect_env', dict))


def spare_time(replace=setattr) -> None:
    """Replace both in this process.

    Args:
        replace: how an attribute is set, for one `pytest.MonkeyPatch.setattr`.
    """
    for module, name, substitute in SPARED:
        replace(module, name, substitute)
