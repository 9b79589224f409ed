"""Skip mmengine's formatting of the config and its environment report, which take half the time of a short training."""
from mmengine.config import config
from mmengine.runner import runner
from yapf.yapflib import yapf_api


def spare_time(replace=setattr) -> None:
    """Patch mmengine, in this process, to neither format a config's text nor query compilers and versions.

    Args:
        replace: function that sets an attribute, for example `pytest.MonkeyPatch.setattr`. Default: setattr.
    """
    for module in (config, yapf_api):  # OpenMMLab's mmengine imports FormatCode at its start, OneDL's at each call
        if hasattr(module, 'FormatCode'):
            replace(module, 'FormatCode', lambda text, **_: (text, False))
    replace(runner, 'collect_env', dict)
