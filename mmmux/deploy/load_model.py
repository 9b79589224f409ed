"""Load a config's trained model and the images that an export needs."""
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import mmcv
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmmux.checkpoints.pretrained import check_numbers, dataset_meta_of, describe, state_dict_of
from mmmux.config.load import innermost_dataset
from mmmux.config.preflight import check_checkpoint
from mmmux.config.suggestions import explained
from mmmux.datasets.loading import read_picture
from mmmux.datasets.picture_files import SUFFIXES
from mmmux.utils.errors import CheckpointError, DatasetError, in_a_line


def trained_model(cfg: Config, checkpoint: str) -> nn.Module:
    """Build a config's model and load all of its weights.

    Args:
        cfg (Config): Config with `model`.
        checkpoint (str): Path or URL of the weights.

    Returns:
        nn.Module: The model, in evaluation mode on the CPU, with SyncBN replaced by BN; its attribute `dataset_meta` is the
        checkpoint's.

    Raises:
        CheckpointError: The file is missing, or its weights belong to another model.
        ConfigError: The config names an unknown type or argument.
    """
    check_checkpoint(checkpoint, 'CHECKPOINT')
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    # mmengine's runner uses a `data_preprocessor` of the config for a model that has none.
    preprocessor = {key: value for key, value in cfg.items() if key == 'data_preprocessor' and value}
    with explained(cfg):
        model = revert_sync_batchnorm(MODELS.build({**preprocessor, **cfg.model}))
    loaded = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent')
    weights = state_dict_of(loaded, checkpoint)
    complaint = describe(model, weights)
    if complaint:
        raise CheckpointError(f'checkpoint {checkpoint} {complaint}')
    check_numbers(model, weights, checkpoint)
    model.load_state_dict(weights, strict=False)
    model.eval()
    model.dataset_meta = dataset_meta_of(loaded)
    return model


def classes_of(cfg: Config, model: nn.Module) -> list[str]:
    """Return the names of the classes: the checkpoint's, or else those of the config's test data.

    Args:
        cfg (Config): Config of the model.
        model (nn.Module): Model with `dataset_meta`, from :func:`trained_model`.

    Returns:
        list[str]: The names; empty where neither the checkpoint nor readable test data has any.
    """
    if model.dataset_meta.get('classes'):
        return list(model.dataset_meta['classes'])
    try:
        dataset = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), lazy_init=True))
    except (DatasetError, KeyError, AttributeError, OSError):  # no test data in the config or on this machine
        return []
    return list(dataset.metainfo.get('classes') or ())


def pictures_of(cfg: Config, given: Sequence[Path], count: int) -> list[Path]:
    """List image files: the given ones, or else the first ones of the config's test data.

    Args:
        cfg (Config): Config with `test_dataloader`.
        given (Sequence[Path]): Image files, or folders that are searched recursively.
        count (int): Largest number of files.

    Returns:
        list[Path]: At most `count` files.

    Raises:
        DatasetError: `given` holds no image, or it is empty and the test data cannot be read.
    """
    if given:
        files = [file for path in given for file in (sorted(path.rglob('*')) if path.is_dir() else [path])
                 if file.suffix.lower() in SUFFIXES]
        if not files:
            raise DatasetError(f'--pictures {" ".join(map(str, given))} gives no picture: name files that end in '
                               f'{", ".join(SUFFIXES)}, or folders of them')
        return files[:count]
    try:
        dataset = DATASETS.build(dict(innermost_dataset(cfg.test_dataloader), pipeline=[], test_mode=True))
        paths = [Path(dataset.get_data_info(index)['img_path']) for index in range(min(count, len(dataset)))]
    except Exception as error:  # each data set class raises another type for missing files
        raise DatasetError('the pictures of test_dataloader, with which an export is checked and int8 is calibrated, cannot be '
                           f'read ({in_a_line(str(error)) or type(error).__name__}): name others with --pictures') from None
    return paths


def prepared(model: nn.Module, paths: Sequence[Path], height: int, width: int) -> Iterator[Tensor]:
    """Read images, resize them, and normalise them with the model's preprocessor.

    Args:
        model (nn.Module): Model with `data_preprocessor`.
        paths (Sequence[Path]): Image files.
        height (int): Height of the result, in pixels.
        width (int): Width of the result, in pixels.

    Yields:
        Tensor: One image (1, 3, height, width), float32.

    Raises:
        DatasetError: An image cannot be read.
    """
    for path in paths:
        image = read_picture(path)
        image = torch.from_numpy(mmcv.imresize(image, (width, height))).permute(2, 0, 1).contiguous()
        yield preprocessed(model, dict(inputs=[image]))['inputs'][..., :height, :width]


def preprocessed(model: nn.Module, data: Mapping) -> dict:
    """Normalise a batch of a data loader with the model's own preprocessor.

    Args:
        model (nn.Module): Model with `data_preprocessor`.
        data (Mapping): The batch; `inputs` is a list of images (3, H, W), or a tensor (N, 3, H, W).

    Returns:
        dict: The preprocessor's result; `inputs` is a tensor (N, 3, H, W), float32.
    """
    batch = model.data_preprocessor(data, False)
    inputs = batch['inputs']
    if not isinstance(inputs, Tensor):  # mmengine's BaseDataPreprocessor keeps the list
        inputs = torch.stack(list(inputs))
    return dict(batch, inputs=inputs.float())
