"""Segmentation data sets of mmseg with checks of their classes, images and label maps."""
import os.path as osp
from collections.abc import Mapping

from mmengine.fileio import BaseStorageBackend, exists, get_file_backend
from mmseg.datasets import ADE20KDataset as MMSegADE20KDataset
from mmseg.datasets import BaseSegDataset
from mmseg.datasets import CityscapesDataset as MMSegCityscapesDataset
from mmseg.datasets.transforms import LoadAnnotations

from mmmux.registry import DATASETS
from mmmux.utils.errors import ConfigError, DatasetError, in_a_line

from .exclude_list import LeavesOut, relative_name
from .loading_bar import loading_bar
from .skip_report import LeftOut

_MOST_CLASSES = 254


class CheckedSegDataset(LeavesOut, BaseSegDataset):
    """Mixin for mmseg's data sets: check that images and label maps exist, and pass the number of classes to the loading.

    In training, an image without a label map is excluded, and the number of these is logged; in testing it is an error, because
    excluding it would change the score. Place this class before mmseg's in the list of bases.

    Args:
        *args: positional arguments of mmseg's BaseSegDataset.
        metainfo (Mapping, optional): with `classes`, a tuple of names or a text file with a name per line. Default: None.
        **kwargs: further arguments of mmseg's BaseSegDataset, and `leave_out`, a text file of images to exclude, named by their
            path inside the image folder (:mod:`mmmux.datasets.exclude_list`).

    Raises:
        ConfigError: the classes are missing or not valid, or training has no folder of label maps.
        DatasetError: the image folder or the split file is missing, no image can be used, or, in testing, a label map is
            missing.
    """

    # mmseg's transform -> the one that takes its place in the programs of this package; it needs the `labels` of this data set.
    CAREFUL_LOADERS = {LoadAnnotations: 'mmmux.LoadLabelMap'}

    def __init__(self, *args, metainfo: Mapping | None = None, **kwargs):
        metainfo = dict(metainfo or {})
        classes, known = metainfo.get('classes'), self.METAINFO.get('classes')
        if isinstance(classes, str) and not osp.isfile(classes):  # mmengine would take each letter as a class
            raise ConfigError(f'metainfo.classes must be a tuple of class names or a file of them, got {classes!r} (one class: '
                              "('name',))")
        if isinstance(classes, (list, tuple)):
            unknown = ', '.join(f"'{name}'" for name in classes if known and name not in known)
            if unknown:
                raise ConfigError(f'metainfo.classes has {unknown}, which {type(self).__name__} does not know: for other '
                                  'classes use mmmux.SegDataset')
            if len(set(classes)) < len(classes):
                raise ConfigError(f'metainfo.classes names a class twice: {", ".join(classes)}')
            if not known and len(metainfo.get('palette') or []) != len(classes):
                metainfo.pop('palette', None)  # inherited from another config; mmseg then generates one
        super().__init__(*args, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Find the images and label maps.

        Returns:
            list[dict]: mmseg's data infos, each with an additional `labels`, the number of classes in the label maps.

        Raises:
            ConfigError: the classes are missing or not valid.
            DatasetError: a folder or file is missing, or no image can be used.
        """
        folder = self.data_prefix.get('img_path')
        self.left_out = LeftOut(folder)
        infos = self.without_listed(self.find_pictures(), self.left_out, self.name_of)
        # One look-up of the backend, not one per label map.
        backend = get_file_backend(self.data_prefix.get('seg_map_path') or '', backend_args=self.backend_args)
        infos = [info for info in loading_bar(infos) if self._has_label_map(info, backend)]
        self.left_out.report()
        if not infos:
            why = self.left_out.summary() or (f'{self.ann_file} lists none' if self.ann_file else
                                              f'it holds no *{self.img_suffix}')
            raise DatasetError(f'{folder} gives no picture that can be used: {why}')
        return infos

    def find_pictures(self) -> list[dict]:
        """Return the data infos of all images, with or without a label map.

        Raises:
            ConfigError: the classes are missing or not valid.
            DatasetError: the image folder or the split file is missing, or a file name has control characters.
        """
        folder = self.data_prefix.get('img_path')
        self._check_config(folder)
        if self.ann_file and not exists(self.ann_file, backend_args=self.backend_args):
            raise DatasetError(f'split file {self.ann_file} does not exist: put it there, or set data_root and ann_file')
        try:
            infos = super().load_data_list()
        except (FileNotFoundError, NotADirectoryError):
            raise DatasetError(f'picture folder {folder} does not exist: put the data there, or set data_root and data_prefix'
                               ) from None
        except UnicodeDecodeError as error:
            raise DatasetError(f'split file {self.ann_file} is not a text file in UTF-8 ({error})') from None
        for info in infos:
            if not info['img_path'].isprintable():
                raise DatasetError(f"the data set in {folder} has a picture '{in_a_line(info['img_path'])}', whose name has "
                                   'control characters: rename it')
        # With a subset of the classes in the config, the label maps still hold all classes of METAINFO.
        labels = len((self.METAINFO if self.label_map else self.metainfo)['classes'])
        for info in infos:
            info['labels'] = labels
        return infos

    def name_of(self, info: dict) -> str:
        """Return the image name that a `leave_out` file uses for a data info."""
        return relative_name(info['img_path'], self.data_prefix['img_path'])

    def _join_prefix(self) -> None:
        # None means that there are no label maps; mmengine would try to join it to the root.
        self.data_prefix = {key: value for key, value in self.data_prefix.items() if value is not None}
        super()._join_prefix()

    def _check_config(self, folder: str | None) -> None:
        classes = self.metainfo.get('classes')
        if not classes:
            raise ConfigError(f'metainfo.classes of the data set in {folder} must be a tuple of class names or a file of them, '
                              f'got {classes!r}')
        if len(classes) > _MOST_CLASSES:
            raise ConfigError(f'metainfo.classes of the data set in {folder} has {len(classes)} classes, and the label maps of '
                              f'mmseg, which have 8 bits, hold {_MOST_CLASSES} beside the numbers for what is ignored')
        if not self.test_mode and self.data_prefix.get('seg_map_path') is None:
            raise ConfigError(f'data_prefix.seg_map_path of the data set in {folder} must name the folder of its label maps')

    def _has_label_map(self, info: dict, backend: BaseStorageBackend) -> bool:
        path = info.get('seg_map_path')
        if path is None or backend.exists(path):
            return True
        if self.test_mode:
            raise DatasetError(f'label map {path} of {osp.basename(info["img_path"])} is missing, and leaving the picture out '
                               'would change the score: put it there, or take the picture away')
        self.left_out.add('pictures without label map', osp.basename(info['img_path']))
        return False


@DATASETS.register_module()
class SegDataset(CheckedSegDataset):
    """Data set of any classes in ADE20K's layout: an image and its label map have the same file name without the suffix.

    The classes and their colours are `metainfo.classes` and `metainfo.palette`. The arguments are those of
    :class:`CheckedSegDataset`.
    """


@DATASETS.register_module()
class ADE20KDataset(CheckedSegDataset, MMSegADE20KDataset):
    """mmseg's ADE20K data set with the checks of :class:`CheckedSegDataset`."""


@DATASETS.register_module()
class CityscapesDataset(CheckedSegDataset, MMSegCityscapesDataset):
    """mmseg's Cityscapes data set with the checks of :class:`CheckedSegDataset`."""
