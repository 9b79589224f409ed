"""CIFAR data sets of mmpretrain with checks of their classes and files."""
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.fileio import exists, join_path
from mmpretrain.datasets import CIFAR10 as MMPretrainCIFAR10
from mmpretrain.datasets import CIFAR100 as MMPretrainCIFAR100
from mmpretrain.datasets.utils import check_md5

from mmmux.registry import DATASETS
from mmmux.utils.errors import ConfigError, DatasetError

from .class_names import check_split, with_checked_classes


class CheckedCIFAR(MMPretrainCIFAR10):
    """Base of the CIFAR data sets: require the published files and verify their MD5 sums before opening them.

    The files are pickles, which can run code when they are opened. They hold RGB images, while programs read image files as
    BGR. With `channel_order='bgr'` the data set also gives BGR: `model.data_preprocessor.to_rgb` is then True, as for image
    files, and mmpretrain's inferencer predicts as the tests do. With 'rgb', `to_rgb` must be False.

    Args:
        data_root (str): folder that holds the unpacked archive's folder. Default: ''.
        split (str): 'train' or 'test'. Default: 'train'.
        metainfo (Mapping, optional): with `classes`, other names for all classes. Default: None.
        download (bool): download missing files, as mmpretrain does. mmpretrain's default is True. Default: False.
        data_prefix (str): as `data_root`, or a folder below it. Default: ''.
        classes (str or Sequence[str], optional): used if `metainfo` has no `classes`. Default: None.
        channel_order (str): 'rgb' or 'bgr'. Default: 'rgb', as mmpretrain's CIFAR10.
        **kwargs: further arguments of mmpretrain's CIFAR10.

    Raises:
        ConfigError: no folder is given, or `metainfo.classes`, `split` or `channel_order` is not valid.
        DatasetError: a file is missing, or its MD5 sum is not the published one.
    """

    def __init__(self, data_root: str = '', split: str = 'train', metainfo: Mapping | None = None, download: bool = False,
                 data_prefix: str = '', classes: str | Sequence[str] | None = None, channel_order: str = 'rgb', **kwargs):
        if not data_root and not data_prefix:
            raise ConfigError(f'data_root of {type(self).__name__} must name the folder that holds {self.base_folder}')
        if channel_order not in ('rgb', 'bgr'):
            raise ConfigError(f"channel_order of {type(self).__name__} must be 'rgb' or 'bgr', got {channel_order!r}")
        self.channel_order = channel_order
        check_split(self, split, ('train', 'test'))
        metainfo = with_checked_classes(self, metainfo, classes)
        if len(metainfo.get('classes', self.METAINFO['classes'])) != len(self.METAINFO['classes']):
            raise ConfigError(f'metainfo.classes of {type(self).__name__} must name {len(self.METAINFO["classes"])} classes, '
                              f'got {len(metainfo["classes"])}')
        super().__init__(data_root=data_root, split=split, metainfo=metainfo, download=download, data_prefix=data_prefix,
                         **kwargs)

    def load_data_list(self) -> list[dict]:
        """Verify the files and read the images.

        Returns:
            list[dict]: mmpretrain's data infos: `img` (32, 32, 3), uint8, `gt_label`, the class number, and `channel_order`.

        Raises:
            DatasetError: a file is missing, or its MD5 sum is not the published one.
        """
        if not self.download:
            self._check_files()
        order = slice(None, None, -1 if self.channel_order == 'bgr' else None)
        return [dict(info, img=np.ascontiguousarray(info['img'][..., order]), channel_order=self.channel_order)
                for info in super().load_data_list()]

    def _check_files(self) -> None:
        root = self.data_prefix['root'].rstrip('/')
        for name, md5 in (*self.train_list, *self.test_list):
            path = join_path(root, self.base_folder, name)
            if not exists(path):
                raise DatasetError(f'{path} does not exist: unpack {self.url} in {root}')
            if not check_md5(path, md5):
                raise DatasetError(f'{path} is damaged or not the published file: its MD5 sum is not {md5}, so it was not '
                                   f'opened; unpack {self.url} in {root} again')


@DATASETS.register_module()
class CIFAR10(CheckedCIFAR):
    """CIFAR-10 from its published files in `<data_root>/cifar-10-batches-py`. See :class:`CheckedCIFAR` for the arguments."""


@DATASETS.register_module()
class CIFAR100(CheckedCIFAR, MMPretrainCIFAR100):
    """CIFAR-100 from its published files in `<data_root>/cifar-100-python`. See :class:`CheckedCIFAR` for the arguments."""
