"""Classification data sets of mmpretrain with checks of their classes, folders and files."""
import logging
import os.path as osp
import re
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.fileio import exists, get_file_backend, join_path, list_from_file
from mmengine.logging import print_log
from mmpretrain.datasets import CIFAR10 as MMPretrainCIFAR10
from mmpretrain.datasets import CIFAR100 as MMPretrainCIFAR100
from mmpretrain.datasets import CustomDataset
from mmpretrain.datasets import ImageNet as MMPretrainImageNet
from mmpretrain.datasets.custom import find_folders, get_samples
from mmpretrain.datasets.utils import check_md5
from tqdm import tqdm

from mmmux.registry import DATASETS
from mmmux.utils.errors import ConfigError, DatasetError, in_a_line

from .exclude_list import LeavesOut
from .loading_bar import loading_bar
from .skip_report import LeftOut

_NAMES_SHOWN = 5
_WORDNET_ID = re.compile(r'n\d{8}')


class CheckedFolders(LeavesOut, CustomDataset):
    """Mixin for mmpretrain's folder data sets: number the class folders by `metainfo.classes`, and check that they match.

    mmpretrain numbers class folders in alphabetical order and does not compare them with `metainfo.classes`, so a validation
    folder that lacks one class shifts the numbers of all later classes. Here, each folder must have a name out of
    `metainfo.classes`, and its position there is its number. Place this class before mmpretrain's in the list of bases.

    Args:
        *args: positional arguments of mmpretrain's CustomDataset.
        metainfo (Mapping, optional): with `classes`, a tuple of names or a text file with a name per line. Default: None.
        classes (str or Sequence[str], optional): used if `metainfo` has no `classes`. Default: None.
        **kwargs: further arguments of mmpretrain's CustomDataset, and `leave_out`, a text file of images to exclude, named by
            their path inside the folder of class folders (:mod:`mmmux.datasets.exclude_list`).

    Raises:
        ConfigError: `metainfo.classes` or `split` is not valid, or no folder or annotation file is given.
        DatasetError: the folders or the annotation file cannot be used.
    """

    def __init__(self, *args, metainfo: Mapping | None = None, classes: str | Sequence[str] | None = None, **kwargs):
        if not args and not any(kwargs.get(key) for key in ('data_root', 'data_prefix', 'ann_file')):
            raise ConfigError(f'data_root of {type(self).__name__} must name the folder of its data')
        _check_split(self, kwargs.get('split', ''), ('', 'train', 'val', 'test'))
        super().__init__(*args, metainfo=_with_checked_classes(self, metainfo, classes), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Find the images in the class folders, or read them from the annotation file.

        Returns:
            list[dict]: mmpretrain's data infos: `img_path` and, with labels, `gt_label`, the class number.

        Raises:
            ConfigError: `metainfo.classes` is missing, and the folder does not give the classes.
            DatasetError: a folder or file is missing or malformed, or no image can be used.
        """
        try:
            samples = self._listed_samples() if self.ann_file else self._find_samples()
        except (FileNotFoundError, NotADirectoryError):
            raise DatasetError(f'picture folder {self.img_prefix} does not exist: put the data there, or set data_root and '
                               'data_prefix') from None
        self.left_out = LeftOut(self.ann_file or self.img_prefix)
        samples = self.without_listed(samples, self.left_out, self.name_of)
        self.left_out.report()
        if not samples:
            raise DatasetError(f'{self.left_out.source} gives no picture that can be used: left out {self.left_out.summary()}')
        join = get_file_backend(self.img_prefix, enable_singleton=True).join_path  # one look-up, not one per image
        if not self.with_label:
            return [dict(img_path=join(self.img_prefix, name)) for name in samples]
        return [dict(img_path=join(self.img_prefix, name), gt_label=label) for name, label in samples]

    def name_of(self, sample) -> str:
        """Return the image name that a `leave_out` file uses for a sample.

        Args:
            sample (tuple[str, int] or str): name and class number, or the name alone in a data set without labels.
        """
        return sample[0] if self.with_label else sample

    def find_folders(self) -> list[str]:
        """Return the names of the class folders in alphabetical order.

        Raises:
            DatasetError: there are none.
        """
        # Hidden folders, for example .ipynb_checkpoints, are leftovers of other tools.
        folders = [name for name in find_folders(self.img_prefix)[0] if not name.startswith('.')]
        if not folders:
            raise DatasetError(f'{self.img_prefix} holds no class folders: sort its pictures into one folder a class, or list '
                               f'them with their class numbers in {self._annotation_file()}')
        return folders

    def _find_samples(self) -> list:
        numbers = self.number(self.find_folders()) if self.with_label else None
        with loading_bar() as bar:
            samples, empty = get_samples(self.img_prefix, numbers, lambda file: self._counted(file, bar))
        suffixes = ', '.join(f'*{suffix}' for suffix in sorted(self.extensions))
        if not samples:
            raise DatasetError(f'{self.img_prefix} holds no pictures ({suffixes})')
        if empty:
            raise DatasetError(f'{self.img_prefix} holds no pictures ({suffixes}) of {_some(sorted(empty))}: put some there, '
                               'or take the empty folders and their classes away')
        return samples

    def _counted(self, filename: str, bar: tqdm) -> bool:
        bar.update()
        return self.is_valid_file(filename)

    def is_valid_file(self, filename: str) -> bool:
        """Return whether a file is an image: it has a known suffix, and neither it nor its folders are hidden.

        Args:
            filename (str): path inside the class folder.
        """
        return '/.' not in f'/{filename}' and super().is_valid_file(filename)

    def number(self, folders: list[str]) -> dict[str, int]:
        """Return the class number of each folder.

        Args:
            folders (list[str]): names of the class folders.

        Raises:
            ConfigError: the data set is for testing and has no `metainfo.classes`.
            DatasetError: the folders and `metainfo.classes` differ.
        """
        if self.CLASSES is None and self.test_mode:
            raise ConfigError(f'metainfo.classes of the data set in {self.img_prefix} must name the classes in the order of '
                              f'training, which its own folders ({_some(folders)}) do not tell')
        if self.CLASSES is None:
            self._metainfo['classes'] = tuple(folders)
        missing = [name for name in self.CLASSES if name not in set(folders)]
        unknown = [name for name in folders if name not in set(self.CLASSES)]
        if missing or unknown:
            parts = [f'{len(names)} of {whole} {what} ({_some(names)})' for names, whole, what in (
                (missing, len(self.CLASSES), 'classes have no folder'),
                (unknown, len(folders), 'folders are no class')) if names]
            raise DatasetError(f'class folders of {self.img_prefix} are not metainfo.classes: {" and ".join(parts)}')
        return {name: number for number, name in enumerate(self.CLASSES)}

    def _annotation_file(self) -> str:
        return 'a file that ann_file names'

    def _listed_samples(self) -> list:
        samples = [self.parse_line(number, line) for number, line in self.read_lines()]
        if not samples:
            raise DatasetError(f'annotation file {self.ann_file} lists no pictures')
        if self.with_label and not self.test_mode:
            self._warn_of_classes_without_pictures({label for _, label in samples})
        return samples

    def read_lines(self) -> list[tuple[int, str]]:
        """Return the non-empty lines of the annotation file as (line number from 1, text).

        Raises:
            ConfigError: `metainfo.classes` is missing.
            DatasetError: the file is missing or is not UTF-8 text.
            FileNotFoundError: the image folder does not exist.
        """
        if not exists(self.ann_file):
            raise DatasetError(f'annotation file {self.ann_file} does not exist: put it there, or set data_root and ann_file')
        if not exists(self.img_prefix):
            raise FileNotFoundError
        if self.with_label and self.CLASSES is None:
            raise ConfigError(f'metainfo.classes must name the classes, of which {self.ann_file} gives the numbers')
        try:
            lines = [(number, line.strip()) for number, line in enumerate(list_from_file(self.ann_file), 1)]
        except UnicodeDecodeError as error:
            raise DatasetError(f'annotation file {self.ann_file} is not a text file in UTF-8 ({error})') from None
        return [(number, line) for number, line in lines if line]

    def parse_line(self, number: int, line: str):
        """Parse one line of the annotation file.

        Args:
            number (int): line number from 1, for error messages.
            line (str): an image name, a space and a class number; without labels, the image name alone.

        Returns:
            tuple[str, int] or str: image name and class number, or the name alone in a data set without labels.

        Raises:
            DatasetError: the line has another form, or its class number is out of range.
        """
        if not line.isprintable():
            raise DatasetError(f"{self.ann_file}, line {number}, has control characters: '{in_a_line(line)}'")
        if not self.with_label:
            return line
        name, _, label = line.rpartition(' ')
        # int() alone would accept '-1' and '1_0'.
        if not name.strip() or not re.fullmatch('[0-9]{1,9}', label) or int(label) >= len(self.CLASSES):
            raise DatasetError(f'{self.ann_file}, line {number}: expected a picture and its class number, 0 to '
                               f"{len(self.CLASSES) - 1} with a space before it, got '{in_a_line(line)}'")
        return name.strip(), int(label)

    def _warn_of_classes_without_pictures(self, labels: set[int]) -> None:
        without = [name for number, name in enumerate(self.CLASSES) if number not in labels]
        if without:
            print_log(f'{self.ann_file}: {len(without)} of {len(self.CLASSES)} classes have no picture to learn from '
                      f'({_some(without)})', logger='current', level=logging.WARNING)


@DATASETS.register_module()
class ImageFolder(CheckedFolders):
    """Data set of any classes, with one folder of images per class.

    The folders have the names in `metainfo.classes`, and their positions there are the class numbers. Without
    `metainfo.classes`, training numbers the folders in alphabetical order; testing requires it, because the test folder may
    lack a class. With `ann_file`, each line of that file has an image and its class number instead. The arguments are those of
    :class:`CheckedFolders`.
    """


@DATASETS.register_module()
class ImageNet(CheckedFolders, MMPretrainImageNet):
    """mmpretrain's ImageNet with the checks of :class:`CheckedFolders`.

    The class folders are named by WordNet IDs; if `meta/<split>.txt` exists, it is read instead. To use a subset of the
    classes, list their folders in `metainfo.classes`. The arguments are those of mmpretrain's ImageNet, and `leave_out`.
    """

    def number(self, folders: list[str]) -> dict[str, int]:
        """Return the class number of each folder: its position among all WordNet IDs, or in `metainfo.classes` for a subset.

        Args:
            folders (list[str]): names of the class folders.

        Raises:
            DatasetError: a folder has no WordNet ID as its name, or the number of folders is not that of the classes.
        """
        classes = self.METAINFO['classes']
        if tuple(self.CLASSES) != tuple(classes):
            return super().number(folders)
        others = [name for name in folders if not _WORDNET_ID.fullmatch(name)]
        if others:
            raise DatasetError(f'class folders of {self.img_prefix} must be named by WordNet ids such as n01440764, in whose '
                               f'order the classes are numbered, got {_some(others)}')
        if len(folders) != len(classes):
            raise DatasetError(f'{self.img_prefix} has {len(folders)} class folders, and ImageNet has {len(classes)} classes: '
                               'the data set is incomplete; to use a part of it, name its folders in metainfo.classes')
        return {name: number for number, name in enumerate(sorted(folders))}

    def _annotation_file(self) -> str:
        return join_path(self.data_root, 'meta', f'{self.img_prefix.rstrip("/").rpartition("/")[2]}.txt')


class CheckedCIFAR(MMPretrainCIFAR10):
    """Base of the CIFAR data sets: require the published files and verify their MD5 sums before opening them.

    The files are pickles, which can run code when they are opened. They hold RGB images, while programs read picture files as
    BGR. With `channel_order='bgr'` the data set gives BGR, too: `model.data_preprocessor.to_rgb` is True, as it is for picture
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
        _check_split(self, split, ('train', 'test'))
        metainfo = _with_checked_classes(self, metainfo, classes)
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


def _with_checked_classes(dataset, metainfo: Mapping | None, classes: str | Sequence[str] | None) -> dict:
    """Return a copy of `metainfo` in which `classes`, if given, is a tuple of distinct names; raise ConfigError otherwise."""
    metainfo = dict(metainfo or {})
    names = metainfo.pop('classes', None)
    names = classes if names is None else names
    if names is None:
        return metainfo
    if isinstance(names, str) and osp.isfile(names):
        names = [name for name in map(str.strip, list_from_file(names)) if name]
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'metainfo.classes of {type(dataset).__name__} must be a tuple of class names or a file of them, got '
                          f"{names!r} (one class: ('name',))")
    twice = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    if twice and tuple(names) != tuple(dataset.METAINFO.get('classes', ())):  # two classes of ImageNet are named 'crane'
        raise ConfigError(f'metainfo.classes of {type(dataset).__name__} names a class twice: {_some(twice)}')
    return dict(metainfo, classes=tuple(names))


def _check_split(dataset, split: str, accepted: tuple[str, ...]) -> None:
    if split not in accepted:
        raise ConfigError(f'split of {type(dataset).__name__} must be {" or ".join(name for name in accepted if name)}, got '
                          f'{split!r}')


def _some(names: Sequence[str]) -> str:
    return ', '.join(f"'{name}'" for name in names[:_NAMES_SHOWN]) + (', ...' if len(names) > _NAMES_SHOWN else '')
