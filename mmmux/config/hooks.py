"""Add hooks to a config."""
from mmengine.config import Config


def add_hook(cfg: Config, hook: dict) -> None:
    """Add a hook to a config's `custom_hooks`.

    Args:
        cfg: the config, changed in place.
        hook: the config of the hook.
    """
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]
