"""Segmentation data sets of mmseg with checks of their classes, images and label maps."""
import os.path as osp
from collections.abc import Iterable, Mapping, Sequence

from mmengine.fileio import BaseStorageBackend, exists, get_file_backend, list_dir_or_file
from mmseg.datasets import ADE20KDataset as MMSegADE20KDataset
from mmseg.datasets import BaseSegDataset
from mmseg.datasets import CityscapesDataset as MMSegCityscapesDataset
from mmseg.datasets.transforms import LoadAnnotations

from mmmux.registry import DATASETS
from mmmux.utils.errors import ConfigError, DatasetError, in_a_line

from .class_lists import given_classes
from .exclude_list import LeavesOut, relative_name
from .ignored_pixels import check_classes_in_label_maps
from .label_maps import LoadLabelMap
from .loading_bar import loading_bar
from .picture_files import SUFFIXES
from .skip_report import LeftOut

_MOST_CLASSES = 254


class CheckedSegDataset(LeavesOut, BaseSegDataset):
    """Mixin for mmseg's data sets: check that images and label maps exist, and pass the number of classes to the loading.

    In training, an image without a label map is excluded, and the number of these is logged; in testing it is an error, because
    excluding it would change the score. The same holds for images with other suffixes than `img_suffix`. Label maps without an
    image are logged. Place this class before mmseg's in the list of bases.

    Args:
        *args: positional arguments of mmseg's BaseSegDataset.
        img_suffix (str or Sequence[str], optional): the suffix of images, or several, such as ('.jpg', '.png'). Default: None,
            which means that of mmseg's data set, usually '.jpg'.
        metainfo (Mapping, optional): with `classes`, a tuple of names or a text file with a name per line. Default: None.
        **kwargs: further arguments of mmseg's BaseSegDataset, and `leave_out`, a text file of images to exclude, named by their
            path inside the image folder (:mod:`mmmux.datasets.exclude_list`).

    Raises:
        ConfigError: the classes are missing or not valid, or training has no folder of label maps.
        DatasetError: the image folder or the split file is missing, no image can be used, the label maps have no second class
            (:mod:`mmmux.datasets.ignored_pixels`), or, in testing, a label map is missing or an image has another suffix.
    """

    # mmseg's transform -> the one that takes its place in the programs of this package; it needs the `labels` of this data set.
    CAREFUL_LOADERS = {LoadAnnotations: 'mmmux.LoadLabelMap'}

    def __init__(self, *args, metainfo: Mapping | None = None, img_suffix: str | Sequence[str] | None = None, **kwargs):
        metainfo = dict(metainfo or {})
        classes, known = metainfo.get('classes'), self.METAINFO.get('classes')
        if isinstance(classes, str) and not osp.isfile(classes):  # mmengine would take each letter as a class
            raise ConfigError(f'metainfo.classes must be a tuple of class names or a file of them, got {classes!r} (one class: '
                              "('name',))")
        if isinstance(classes, (list, tuple)) and classes:
            unknown = ', '.join(f"'{name}'" for name in classes if known and name not in known)
            if unknown:
                raise ConfigError(f'metainfo.classes has {unknown}, which {type(self).__name__} does not know: for other '
                                  'classes use mmmux.SegDataset')
            classes = metainfo['classes'] = given_classes(classes, type(self).__name__)
            if not known and len(metainfo.get('palette') or []) != len(classes):
                metainfo.pop('palette', None)  # inherited from another config; mmseg then generates one
        if kwargs.get('data_prefix') is not None:
            # None means that there are no label maps; mmengine would try to join it to the root.
            kwargs['data_prefix'] = {key: value for key, value in kwargs['data_prefix'].items() if value is not None}
        self.img_suffixes = () if img_suffix is None else (img_suffix, ) if isinstance(img_suffix, str) else tuple(img_suffix)
        suffix = dict(img_suffix=self.img_suffixes[0]) if self.img_suffixes else {}
        super().__init__(*args, metainfo=metainfo, **suffix, **kwargs)

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
        infos = self.find_pictures()
        self._report_unread(infos)
        infos = self.without_listed(infos, self.left_out, self.name_of)
        # One look-up of the backend, not one per label map.
        backend = get_file_backend(self.data_prefix.get('seg_map_path') or '', backend_args=self.backend_args)
        infos = [info for info in loading_bar(infos) if self._has_label_map(info, backend)]
        self.left_out.report()
        if not infos:
            why = self.left_out.summary() or (f'{self.ann_file} lists none' if self.ann_file else
                                              f'it holds no {self._suffixes()}')
            raise DatasetError(f'{folder} gives no picture that can be used: {why}')
        if len(self.metainfo['classes']) > 1 and not self.label_map and infos[0].get('seg_map_path'):
            check_classes_in_label_maps(infos, self.metainfo['classes'], self.data_prefix['seg_map_path'],
                                        LoadLabelMap(backend_args=self.backend_args).read)
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
            infos = self._listed_pictures()
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

    def _listed_pictures(self) -> list[dict]:
        if len(self.img_suffixes) < 2:
            return super().load_data_list()
        first, found = self.img_suffix, []
        for suffix in self.img_suffixes:  # mmseg finds the images with one suffix
            self.img_suffix = suffix
            found.append(super().load_data_list())
        self.img_suffix = first
        if self.ann_file:  # each has an entry for every name of the list, whether the image exists or not
            return [next((info for info in infos if exists(info['img_path'], backend_args=self.backend_args)), infos[0])
                    for infos in zip(*found)]
        infos = {info['img_path']: info for infos in found for info in infos}
        _refuse_common_label_maps(infos.values())
        return [infos[path] for path in sorted(infos)]

    def other_pictures(self) -> list[str]:
        """Return the names of the images in the folder whose suffix is not in `img_suffix`.

        There are none if a split file lists the images, if they share the folder of the label maps, or if `img_suffix` is more
        than the suffix of a file type (as in Cityscapes).
        """
        folder, labels = self.data_prefix.get('img_path'), self.data_prefix.get('seg_map_path')
        suffixes = self.img_suffixes or (self.img_suffix, )
        if self.ann_file or folder == labels or not all(suffix.lower() in SUFFIXES for suffix in suffixes):
            return []
        return [name for name in self._files(folder, SUFFIXES, labels) if not name.endswith(suffixes)]

    def lone_label_maps(self, infos: Sequence[Mapping], others: Sequence[str]) -> list[str]:
        """Return the names of the label maps in the folder that have no image; none if a split file lists the images.

        Args:
            infos (Sequence[Mapping]): the data infos of all images, from :meth:`find_pictures`.
            others (Sequence[str]): names of images that are not read, from :meth:`other_pictures`.
        """
        folder = self.data_prefix.get('seg_map_path')
        if self.ann_file or folder is None:
            return []
        known = {info['seg_map_path'] for info in infos}
        known |= {osp.join(folder, osp.splitext(name)[0] + self.seg_map_suffix) for name in others}
        found = self._files(folder, (self.seg_map_suffix, ), self.data_prefix.get('img_path'))
        return [name for name in found if osp.join(folder, name) not in known]

    def _files(self, folder: str | None, suffixes: tuple[str, ...], besides: str | None) -> list[str]:
        """Return the names of the files in a folder that have one of the suffixes, without those inside another folder."""
        if not folder or self.backend_args or not osp.isdir(folder):  # listing a folder on a server may take minutes
            return []
        inside = f'{relative_name(besides, folder)}/' if besides and besides != folder else '../'
        return sorted(name for name in list_dir_or_file(folder, list_dir=False, recursive=True)
                      if (name.endswith(suffixes) or name.lower().endswith(suffixes)) and not name.startswith(inside))

    def _suffixes(self) -> str:
        return ' or '.join(f'*{suffix}' for suffix in self.img_suffixes or (self.img_suffix, ))

    def advice_on(self, others: Sequence[str]) -> str:
        """Return the option that makes the data set read images of other suffixes, for a message.

        Args:
            others (Sequence[str]): from :meth:`other_pictures`.
        """
        found = dict.fromkeys([*(self.img_suffixes or (self.img_suffix, )), *(osp.splitext(name)[1] for name in others)])
        return f'set img_suffix={tuple(found)}'

    def _report_unread(self, infos: Sequence[Mapping]) -> None:
        others = self.other_pictures()
        for name in others:
            self.left_out.add(f'pictures that are not {self._suffixes()} ({self.advice_on(others)} to read them)', name)
        if others and self.test_mode:
            raise DatasetError(f'{self.left_out.source} has {self.left_out.summary()}, and leaving them out would change the '
                               'score')
        labels = LeftOut(self.data_prefix.get('seg_map_path'))
        for name in self.lone_label_maps(infos, others):
            labels.add(f'label maps without a picture in {self.left_out.source}', name)
        labels.report()

    def name_of(self, info: dict) -> str:
        """Return the image name that a `leave_out` file uses for a data info."""
        return relative_name(info['img_path'], self.data_prefix['img_path'])

    def _check_config(self, folder: str | None) -> None:
        classes = self.metainfo.get('classes')
        if not classes:
            raise ConfigError(f'metainfo.classes of the data set in {folder} must be a tuple of class names or a file of them, '
                              f'got {classes!r}')
        if len(classes) > _MOST_CLASSES:
            raise ConfigError(f'metainfo.classes of the data set in {folder} has {len(classes)} classes, and label maps of '
                              f'mmseg have at most {_MOST_CLASSES}: they store 8-bit numbers, of which some are ignored')
        if not self.test_mode and self.data_prefix.get('seg_map_path') is None:
            raise ConfigError(f'data_prefix.seg_map_path of the data set in {folder} must name the folder of its label maps')

    def _has_label_map(self, info: dict, backend: BaseStorageBackend) -> bool:
        path = info.get('seg_map_path')
        if path is None or backend.exists(path):
            return True
        if self.test_mode:
            raise DatasetError(f'label map {path} of {osp.basename(info["img_path"])} is missing, and leaving the picture out '
                               'would change the score: add the label map, or remove the picture')
        self.left_out.add('pictures without label map', osp.basename(info['img_path']))
        return False


def _refuse_common_label_maps(infos: Iterable[Mapping]) -> None:
    pictures = {}
    for info in infos:
        path = info['img_path']
        other = pictures.setdefault(info.get('seg_map_path', path), path)
        if other != path:
            raise DatasetError(f'{other} and {path} have the same label map {info["seg_map_path"]}: rename one of them, or '
                               'remove it')


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
