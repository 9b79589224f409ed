"""Have mmengine read every checkpoint with this package's reader: from a file, a URL, a model zoo or an object store.

Each loader here finds the files that mmengine's loader of the same name finds. mmengine's loaders always call
:func:`torch.load`.
"""
import http.client
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine import fileio
from mmengine.dist import barrier, get_rank
from mmengine.logging import print_log
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmmux.utils.compat import checkpoint_schemes, mmengine_home
from mmmux.utils.errors import CheckpointError, in_a_line

from .safe_loading import load_checkpoint_file


def make_mmengine_load_safely() -> None:
    """Replace each of mmengine's own loaders in `CheckpointLoader` by a safe loader.

    The safe loaders then read for `test`, `resume`, `load_from` and `init_cfg=dict(type='Pretrained')` of every OpenMMLab
    package in this process. A loader that another package has registered for a prefix stays, and is not protected. A second
    call changes nothing.
    """
    safe = {loader.__name__: loader for loader in _LOADERS}
    for prefix, loader in checkpoint_schemes().items():
        name = getattr(loader, '__name__', '')
        if name in safe and loader is getattr(mmengine_checkpoint, name, None):
            mmengine_checkpoint.CheckpointLoader.register_scheme(prefix, safe[name], force=True)


# The loaders have the names of mmengine's, because mmengine prints the names.


def load_from_local(filename: str, map_location=None):
    """Read a file."""
    return load_checkpoint_file(os.path.expanduser(filename), map_location)


def load_from_http(filename: str, map_location=None):
    """Download a URL into the cache of :mod:`torch.hub`, unless a file of its name is there, and read it.

    The first process downloads; the other processes wait for it.
    """
    file = Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(filename).path).name)
    if get_rank() == 0:
        _download(filename, file)
    barrier()
    _download(filename, file)  # does nothing unless this process has another file system than the first
    return load_checkpoint_file(file, map_location)


def load_from_torchvision(filename: str, map_location=None):
    """Read a model of torchvision by its name."""
    urls = mmengine_checkpoint.get_torchvision_models()
    return load_from_http(_look_up(filename, urls), map_location)


def load_from_openmmlab(filename: str, map_location=None):
    """Read a model of OpenMMLab by its name, or one that `open_mmlab.json` in mmengine's home folder names."""
    renamed = mmengine_checkpoint.get_deprecated_model_names()
    scheme, _, name = filename.partition('://')
    place = _look_up(f'{scheme}://{renamed.get(name, name)}', mmengine_checkpoint.get_external_models())
    if place.startswith(('http://', 'https://')):
        return load_from_http(place, map_location)
    return load_checkpoint_file(mmengine_home() / place, map_location)


def load_from_mmcls(filename: str, map_location=None):
    """Read the backbone of a classifier by the name that mmcls had for it."""
    checkpoint = load_from_http(_look_up(filename, mmengine_checkpoint.get_mmcls_models()), map_location)
    state = checkpoint.get('state_dict', checkpoint)
    prefix = 'backbone.'
    return dict(state_dict={key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)})


def load_from_ceph(filename: str, map_location=None):
    """Read an object of an S3 store through mmengine's backend for petrel."""
    file = io.BytesIO(fileio.get(filename, backend_args=dict(backend='petrel')))
    file.name = filename  # for messages
    return load_checkpoint_file(file, map_location)


def load_from_pavi(filename: str, map_location=None):
    """Read a model of a pavi model cloud.

    Raises:
        CheckpointError: the package pavi is not installed.
    """
    try:
        from pavi import modelcloud
    except ImportError:
        raise CheckpointError(f'checkpoint {filename} needs the package pavi, which cannot be imported: install pavi, or give '
                              'a file or a URL') from None
    model = modelcloud.get(filename.removeprefix('pavi://'))
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, model.name)
        model.download(file)
        return load_checkpoint_file(file, map_location)


_LOADERS: tuple[Callable, ...] = (load_from_local, load_from_http, load_from_torchvision, load_from_openmmlab, load_from_mmcls,
                                  load_from_ceph, load_from_pavi)


def _download(url: str, file: Path) -> None:
    if file.exists():
        return
    print_log(f'Downloading {url} to {file}', 'current')
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(file), progress=os.isatty(0))
    except (OSError, http.client.HTTPException) as error:
        reason = in_a_line(str(error)) or type(error).__name__
        raise CheckpointError(f'checkpoint {url} cannot be downloaded to {file} ({reason}): download it by other means, and '
                              'give the path of the file') from None


def _look_up(filename: str, urls: Mapping[str, str]) -> str:
    scheme, _, name = filename.partition('://')
    if name not in urls:
        raise CheckpointError(f"checkpoint {filename} is unknown: '{name}' is not among the {len(urls)} names of {scheme}://; "
                              'give the URL or the path of a file')
    return urls[name]


__all__ = ['make_mmengine_load_safely']
