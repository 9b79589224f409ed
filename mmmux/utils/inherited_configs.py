"""Let configs inherit from this package (`mmmux::ssdlite/...`), and from mmseg's where OneDL's packages are installed."""
from .compat import config_packages
from .installed import installed_versions


def let_configs_be_inherited() -> None:
    """Add this package to mmengine's table of packages that configs inherit from.

    The name in the table belongs to no distribution, so that mmengine looks in the module's own folder, also if the install is
    editable. An entry that another package has set stays.
    """
    packages = config_packages()
    packages.setdefault('mmmux', 'mmmux.registry')
    # onedl-mmengine looks for the distribution of OpenMMLab.
    if installed_versions('onedl-mmsegmentation') and packages.get('mmseg') == 'mmsegmentation':
        packages['mmseg'] = 'mmseg'
