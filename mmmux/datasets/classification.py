"""Classification data of mmpretrain, which is checked before it is trained on."""
import logging
import os.path as osp
import re
from collections.abc import Mapping, Sequence

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
    """Mix before one of mmpretrain's data sets of pictures: every picture has a class that the network knows by that number.

    mmpretrain numbers class folders in alphabetical order, so that a validation folder which lacks a class shifts all later
    ones, and `metainfo.classes` may call them anything. Here folders bear the names in `metainfo.classes`, which number them.
    With `leave_out`, a file of pictures named by their path inside the folder of class folders, these are left out on purpose
    (:mod:`mmmux.datasets.exclude_list`).

    Raises:
        ConfigError: `metainfo.classes` or `split` cannot be used.
        DatasetError: folders or annotation file cannot be used; the message names what is wrong.
    """

    def __init__(self, *args, metainfo: Mapping | None = None, classes: str | Sequence[str] | None = None, **kwargs):
        if not args and not any(kwargs.get(key) for key in ('data_root', 'data_prefix', 'ann_file')):
            raise ConfigError(f'data_root of {type(self).__name__} must name the folder of its data')
        _check_split(self, kwargs.get('split', ''), ('', 'train', 'val', 'test'))
        super().__init__(*args, metainfo=_with_checked_classes(self, metainfo, classes), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Find the pictures.

        Returns:
            list[dict]: mmpretrain's data infos, `img_path` and, where there are labels, `gt_label`.
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
        join = get_file_backend(self.img_prefix, enable_singleton=True).join_path  # looked up once, not for a million pictures
        if not self.with_label:
            return [dict(img_path=join(self.img_prefix, name)) for name in samples]
        return [dict(img_path=join(self.img_prefix, name), gt_label=label) for name, label in samples]

    def name_of(self, sample) -> str:
        """The name of a picture in a `leave_out` file, of a sample with or without its label."""
        return sample[0] if self.with_label else sample

    def find_folders(self) -> list[str]:
        """The class folders, in alphabetical order."""
        # Tools leave folders such as .ipynb_checkpoints behind.
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
        """Whether a file, given by its path inside a class folder, is a picture."""
        return '/.' not in f'/{filename}' and super().is_valid_file(filename)

    def number(self, folders: list[str]) -> dict[str, int]:
        """The class number of each folder."""
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
        """The lines of the annotation file that hold something, with their numbers."""
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
        """A picture and its class number, or, without labels, the picture alone."""
        if not line.isprintable():
            raise DatasetError(f"{self.ann_file}, line {number}, has control characters: '{in_a_line(line)}'")
        if not self.with_label:
            return line
        name, _, label = line.rpartition(' ')
        # Not int() alone, which would take '-1' and '1_0', too.
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
    """Any classes: a folder of pictures for each, named as in `metainfo.classes`, which number them.

    Without `metainfo.classes`, training takes the folders in alphabetical order; testing demands it, because another folder
    may lack a class. With `ann_file`, each line has a picture and its class number instead. Arguments as in mmpretrain's
    CustomDataset.
    """


@DATASETS.register_module()
class ImageNet(CheckedFolders, MMPretrainImageNet):
    """mmpretrain's ImageNet, checked: folders named by WordNet ids, or `meta/<split>.txt`, where that file exists.

    Arguments as in mmpretrain. For some of the classes, `metainfo.classes` names their folders.
    """

    def number(self, folders: list[str]) -> dict[str, int]:
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
    """Mix before mmpretrain's CIFAR-10 or -100: files are asked for in a sentence instead of downloaded.

    The files are pickles, which can hold code: they are opened only if their MD5 sums are the published ones. Pictures are RGB,
    not BGR as those read from files: `model.data_preprocessor.to_rgb` must be False. Arguments as in mmpretrain, but for
    `download`, which is False unless given.

    Raises:
        ConfigError: `metainfo.classes` or `split` cannot be used.
        DatasetError: a file is missing or damaged.
    """

    def __init__(self, data_root: str = '', split: str = 'train', metainfo: Mapping | None = None, download: bool = False,
                 data_prefix: str = '', classes: str | Sequence[str] | None = None, **kwargs):
        if not data_root and not data_prefix:
            raise ConfigError(f'data_root of {type(self).__name__} must name the folder that holds {self.base_folder}')
        _check_split(self, split, ('train', 'test'))
        metainfo = _with_checked_classes(self, metainfo, classes)
        if len(metainfo.get('classes', self.METAINFO['classes'])) != len(self.METAINFO['classes']):
            raise ConfigError(f'metainfo.classes of {type(self).__name__} must name {len(self.METAINFO["classes"])} classes, '
                              f'got {len(metainfo["classes"])}')
        super().__init__(data_root=data_root, split=split, metainfo=metainfo, download=download, data_prefix=data_prefix,
                         **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the pictures.

        Returns:
            list[dict]: mmpretrain's data infos, `img` (32, 32, 3), RGB, and `gt_label`.
        """
        if not self.download:
            self._check_files()
        return super().load_data_list()

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
    """CIFAR-10 in its published files, below `<data_root>/cifar-10-batches-py`. Arguments as in :class:`CheckedCIFAR`."""


@DATASETS.register_module()
class CIFAR100(CheckedCIFAR, MMPretrainCIFAR100):
    """CIFAR-100 in its published files, below `<data_root>/cifar-100-python`. Arguments as in :class:`CheckedCIFAR`."""


def _with_checked_classes(dataset, metainfo: Mapping | None, classes: str | Sequence[str] | None) -> dict:
    """`metainfo`, in which `classes`, if there are any, are a tuple of different names."""
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
    if twice and tuple(names) != tuple(dataset.METAINFO.get('classes', ())):  # ImageNet has two kinds of crane
        raise ConfigError(f'metainfo.classes of {type(dataset).__name__} names a class twice: {_some(twice)}')
    return dict(metainfo, classes=tuple(names))


def _check_split(dataset, split: str, accepted: tuple[str, ...]) -> None:
    if split not in accepted:
        raise ConfigError(f'split of {type(dataset).__name__} must be {" or ".join(name for name in accepted if name)}, got '
                          f'{split!r}')


def _some(names: Sequence[str]) -> str:
    return ', '.join(f"'{name}'" for name in names[:_NAMES_SHOWN]) + (', ...' if len(names) > _NAMES_SHOWN else '')
