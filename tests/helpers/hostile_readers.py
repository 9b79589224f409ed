"""Define the readers of untrusted files, with valid files to corrupt and checks of every value that is read."""
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

CLASSES = ('cell', 'dot')
_BOX = ('<object><name>cell</name><difficult>0</difficult><bndbox><xmin>5</xmin><ymin>6</ymin><xmax>25</xmax><ymax>16</ymax>'
        '</bndbox></object>')
VOC = f'<annotation><size><width>80</width><height>60</height><depth>3</depth></size>{_BOX}{_BOX}</annotation>'
COCO = dict(
    images=[dict(id=10, file_name='a.jpg', width=80, height=60), dict(id=11, file_name='b.jpg', width=80, height=60)],
    annotations=[dict(id=1, image_id=10, category_id=1, bbox=[5, 6, 20, 10], area=200, iscrowd=0),
                 dict(id=2, image_id=11, category_id=7, bbox=[30.5, 10, 40, 40], area=1600, iscrowd=0)],
    categories=[dict(id=1, name='cell'), dict(id=7, name='dot')])
NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
NOISE.setflags(write=False)  # shared by all tests


class Reader(NamedTuple):
    """A reader of one kind of file.

    Attributes:
        name: file name, for readers that depend on the suffix.
        seeds: returns the contents of valid files.
        read: reads a file and asserts facts about the values; raises UserError for a file that it rejects.
        needs: the package that the reader needs. Default: 'mmengine'.
    """
    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], None]
    needs: str = 'mmengine'


def saved(image: Image.Image, kind: str, **options) -> bytes:
    """Return the bytes of an image file.

    Args:
        image: the image.
        kind: Pillow's name of the format.
        **options: arguments of Pillow's `save`.
    """
    buffer = io.BytesIO()
    # Pillow stores a format's settings in the image that it saves, and the next format uses them: save copies.
    if 'append_images' in options:
        options['append_images'] = [frame.copy() for frame in options['append_images']]
    image.copy().save(buffer, kind, **options)
    return buffer.getvalue()


def _pictures() -> list[bytes]:
    image, turned = Image.fromarray(NOISE), Image.Exif()
    turned[0x0112] = 6
    frames = dict(save_all=True, append_images=[Image.fromarray(255 - NOISE)])
    return [saved(image, 'JPEG', exif=turned), saved(image, 'JPEG', progressive=True), saved(image, 'PNG', exif=turned),
            saved(image.convert('P'), 'PNG'), saved(image.convert('P'), 'GIF', **frames), saved(image, 'WEBP', **frames),
            saved(image, 'WEBP', lossless=True, exif=turned), saved(image, 'TIFF', compression='tiff_lzw'), saved(image, 'BMP'),
            saved(image.convert('CMYK'), 'JPEG')]


def _read_picture(path: Path) -> None:
    from mmmux.datasets.image_checks import picture_size
    from mmmux.datasets.loading import read_picture
    from mmmux.utils.errors import DatasetError
    try:
        size = picture_size(path)
    except DatasetError as error:
        assert str(error).isprintable()
        size = None
    image = read_picture(path)
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    if size is not None:  # Pillow and OpenCV can read different rotations from the same damaged EXIF tags
        assert sorted(image.shape[:2]) == sorted(size), f'{image.shape} was decoded, and {size} announced'


def _label_maps() -> list[bytes]:
    labels = NOISE[..., 0] % 3
    image = Image.fromarray(labels)
    return [saved(image, 'PNG'), saved(image.convert('P'), 'PNG'), saved(Image.fromarray(labels == 1), 'PNG'),
            saved(Image.fromarray(labels.astype(np.uint16)), 'PNG'), saved(Image.fromarray(labels.astype(np.int32)), 'TIFF')]


def _read_label_map(path: Path) -> None:
    from mmmux.datasets.label_maps import LoadLabelMap
    results = dict(seg_map_path=str(path), img_path='picture.jpg', labels=3, reduce_zero_label=False, seg_fields=[],
                   ori_shape=NOISE.shape[:2])
    labels = LoadLabelMap().transform(results)['gt_seg_map']
    assert labels.shape == NOISE.shape[:2] and labels.dtype == np.uint8 and set(np.unique(labels)) <= {0, 1, 2, 255}


def _read_annotation(path: Path) -> None:
    from mmmux.datasets.voc_annotation import read_annotation
    for box in read_annotation(str(path), path.stem):
        assert np.isfinite(box.corners).all()


def _read_split(path: Path) -> None:
    from mmdet.registry import DATASETS

    import mmmux.datasets  # noqa: F401
    root = path.parent
    for name, data in (('JPEGImages/a.jpg', _pictures()[0]), ('Annotations/a.xml', VOC.encode())):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)
    dataset = DATASETS.build(dict(type='mmmux.VOCDataset', ann_file=str(path), metainfo=dict(classes=CLASSES), pipeline=[],
                                  data_prefix=dict(sub_data_root=str(root))))
    assert {Path(dataset.get_data_info(index)['img_path']).resolve() for index in range(len(dataset))} == {
        (root / 'JPEGImages/a.jpg').resolve()}


def _read_coco(path: Path) -> None:
    from mmdet.registry import DATASETS

    import mmmux.datasets  # noqa: F401
    dataset = DATASETS.build(dict(type='mmmux.CocoDataset', ann_file=str(path), metainfo=dict(classes=CLASSES), pipeline=[],
                                  data_prefix=dict(img='')))
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        assert np.isfinite([info['width'], info['height'], *(side for box in info['instances'] for side in box['bbox'])]).all()


def _checkpoints() -> list[bytes]:
    from mmengine.logging import HistoryBuffer
    contents = dict(state_dict={'a.weight': torch.arange(6.).reshape(2, 3), 'a.bias': torch.ones(2).half()},
                    meta=dict(epoch=1, iter=10, time='now', cfg='a = 1'),
                    optimizer=dict(state={0: dict(step=torch.tensor(1.))}),
                    message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1., 2.], [1, 1]))), value=np.float64(2))
    files = []
    for zipped in (True, False):
        buffer = io.BytesIO()
        torch.save(contents, buffer, _use_new_zipfile_serialization=zipped)
        files.append(buffer.getvalue())
    return [*files, resealed(files[0])]


def resealed(data: bytes) -> bytes:
    """Return a checkpoint's bytes with the correct checksum in the comment of its zip archive."""
    import hashlib
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        comment = len(archive.comment)
    body = data[:len(data) - comment - 2] + (71).to_bytes(2, 'little')
    return body + b'sha256:' + hashlib.sha256(body).hexdigest().encode()


def _read_checkpoint(path: Path) -> None:
    from mmmux.checkpoints.checksum import check_intact
    from mmmux.checkpoints.safe_loading import load_checkpoint_file
    from mmmux.utils.errors import CheckpointError
    try:
        check_intact(path)
    except CheckpointError as error:
        assert str(error).isprintable() and path.name in str(error)
    load_checkpoint_file(path, map_location='cpu')


def _read_options(path: Path) -> None:
    """Read a text file with one command line option per line."""
    import argparse

    from mmmux.config import load_config
    from mmmux.utils import cli
    from mmmux.utils.errors import ConfigError
    parser = argparse.ArgumentParser(exit_on_error=False)
    cli.add_run_options(parser)
    lines = [line for line in path.read_text(errors='surrogateescape').splitlines() if line and not line.startswith('-')]
    try:
        options = parser.parse_args(['config.py', '--cfg-options', *lines]).cfg_options if lines else {}
    except argparse.ArgumentError as error:
        assert str(error).isprintable(), str(error)
        return
    config = path.with_name('config.py')
    config.write_text("model = dict(type='A', backbone=dict(type='B', arch='m'), heads=[dict(type='C'), dict(type='C')])\n"
                      "train_dataloader = dict(batch_size=2)\nenv_cfg = dict(cudnn_benchmark=False)\n")
    try:
        load_config(config, options)
    except ConfigError as error:  # which names the config
        raise ConfigError(f'{path.name}: {error}') from None


READERS = {
    'VOC annotations': Reader('a.xml', lambda: [VOC.encode(), VOC.encode('utf-16')], _read_annotation, 'mmdet'),
    'VOC lists': Reader('split.txt', lambda: [b'a\na\n', b'a 1\na -1\n', 'a\ncafé\n'.encode()], _read_split, 'mmdet'),
    'COCO annotations': Reader('all.json', lambda: [json.dumps(COCO).encode()], _read_coco, 'mmdet'),
    'pictures': Reader('picture.jpg', _pictures, _read_picture, 'mmcv'),
    'label maps': Reader('label_map.png', _label_maps, _read_label_map, 'mmseg'),
    'checkpoints': Reader('epoch_1.pth', _checkpoints, _read_checkpoint),
    'config options': Reader('options.txt', lambda: [b'model.backbone.arch=s\nmodel.heads.1.type=D\nresume=True',
                                                     b'env_cfg.cudnn_benchmark=True\nload_from=a.pth\nmodel.x=[(1,2),"a"]'],
                             _read_options, 'mmcv'),
}
