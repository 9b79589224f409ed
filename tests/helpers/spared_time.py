"""Leaves out what mmengine does for people at the start of a run: half of a short training."""
from mmengine.config import config
from mmengine.runner import runner
from yapf.yapflib import yapf_api


def spare_time(replace=setattr) -> None:
    """Have this process neither format the text of a config nor ask for compilers and versions.

    Args:
        replace: sets an attribute, for one `pytest.MonkeyPatch.setattr`.
    """
    for module in (config, yapf_api):  # OpenMMLab's mmengine has imported it, OneDL's does whenever it formats
        if hasattr(module, 'FormatCode'):
            replace(module, 'FormatCode', lambda text, **_: (text, False))
    replace(runner, 'collect_env', dict)
