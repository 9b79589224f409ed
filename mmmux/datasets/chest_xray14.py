"""Load ChestX-ray14 (Wang et al., CVPR 2017) from the files that the NIH publishes."""
import csv
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from mmpretrain.datasets import MultiLabelDataset

from mmmux.registry import DATASETS
from mmmux.utils.errors import ConfigError, DatasetError, in_a_line

from .exclude_list import LeavesOut
from .skip_report import LeftOut

FINDINGS = ('Atelectasis', 'Cardiomegaly', 'Effusion', 'Infiltration', 'Mass', 'Nodule', 'Pneumonia', 'Pneumothorax',
            'Consolidation', 'Edema', 'Emphysema', 'Fibrosis', 'Pleural_Thickening', 'Hernia')
NO_FINDING = 'No Finding'
TABLES = ('Data_Entry_2017.csv', 'Data_Entry_2017_v2020.csv')
TRAIN_VAL_LIST, TEST_LIST = 'train_val_list.txt', 'test_list.txt'
SPLITS = ('train', 'val', 'train_val', 'test')
_COLUMNS = ('Image Index', 'Finding Labels', 'Patient ID')


class Row(NamedTuple):
    """The findings and the patient of one image, from one row of the table.

    Attributes:
        findings: names out of `FINDINGS`; empty for "No Finding".
        patient: the patient's ID.
    """
    findings: tuple[str, ...]
    patient: str


@DATASETS.register_module()
class ChestXray14(LeavesOut, MultiLabelDataset):
    """Multi-label data set of chest X-ray images, each labelled with none, one or several of 14 findings.

    "No Finding" is not a class: such an image has no labels. The data set reads the table of labels, `train_val_list.txt`,
    `test_list.txt`, and the images in `images`, in `images_001/images`, `images_002/images` and so on, or in both. It keeps the
    NIH's split. The NIH lists training and validation images together; validation takes a fixed share of that list's patients.

    Args:
        data_root (str): folder of the NIH's files.
        split (str): 'train', 'val', 'train_val' (both together) or 'test'.
        val_fraction (float): share of the patients of `train_val_list.txt` that belong to 'val' and not to 'train', 0 to below
            1. Both splits must be given the same value. Default: 0.125.
        ann_file (str): the table, relative to `data_root`; '' selects `Data_Entry_2017.csv` or `Data_Entry_2017_v2020.csv`,
            whichever exists. Default: ''.
        metainfo (dict, optional): its `classes` select and order the findings to use. Default: all 14.
        leave_out (str, optional): text file of image names to exclude (:mod:`mmmux.datasets.exclude_list`). Default: None.
        **options: further arguments of mmpretrain's BaseDataset; `data_prefix` is the folder that holds `images`.

    Attributes:
        patients (set[str]): the IDs of the patients in this split, set when the data set is loaded.

    Raises:
        ConfigError: `split`, `val_fraction` or `metainfo.classes` is not valid.
        DatasetError: a file is missing or malformed, the two lists share an image or a patient, or no image is left. With
            `test_mode=True`, a single missing image is an error too, because leaving it out would change the score.
    """

    METAINFO = dict(classes=FINDINGS)

    def __init__(self, data_root: str, split: str, *, val_fraction: float = 0.125, ann_file: str = '', **options):
        if split not in SPLITS:
            raise ConfigError(f'split of mmmux.ChestXray14 must be one of {", ".join(SPLITS)}, got {split!r}')
        if not isinstance(val_fraction, (int, float)) or not 0 <= val_fraction < 1:
            raise ConfigError('val_fraction of mmmux.ChestXray14 must be a number from 0 to below 1, the share of patients to '
                              f'validate with, got {val_fraction!r}')
        self.split, self.val_fraction = split, val_fraction
        super().__init__(ann_file=ann_file, data_root=data_root, **options)

    def load_data_list(self) -> list[dict]:
        """Read the table and the lists, and find the image files.

        Returns:
            list[dict]: mmpretrain's data infos: `img_path` and `gt_label`, the list of the image's class numbers (may be
            empty).

        Raises:
            ConfigError: `metainfo.classes` or `val_fraction` is not valid.
            DatasetError: a file is missing or malformed, or no image can be used.
        """
        numbers = self._numbers()
        table = self._table()
        rows = read_table(table)
        train_val, test = (read_list(Path(self.data_root, name), rows, table) for name in (TRAIN_VAL_LIST, TEST_LIST))
        check_disjoint(rows, {Path(self.data_root, TRAIN_VAL_LIST): train_val, Path(self.data_root, TEST_LIST): test})
        names = test if self.split == 'test' else self._part(train_val, rows)
        paths = self._find(names)
        self.patients = {rows[name].patient for name in paths}
        return [dict(img_path=path, gt_label=sorted(numbers[found] for found in rows[name].findings if found in numbers))
                for name, path in paths.items()]

    def _numbers(self) -> dict[str, int]:
        classes = self.metainfo['classes']
        unknown = [classes] if isinstance(classes, str) else [name for name in classes if name not in FINDINGS]
        if unknown or not classes or len(set(classes)) < len(classes):
            raise ConfigError(f'metainfo.classes of mmmux.ChestXray14 must be a tuple of findings, each once, out of '
                              f'{", ".join(FINDINGS)}, got {classes!r}')
        return {name: number for number, name in enumerate(classes)}

    def _table(self) -> Path:
        if self.ann_file:
            return Path(self.ann_file)
        tables = [Path(self.data_root, name) for name in TABLES]
        return next((table for table in tables if table.is_file()), tables[0])

    def _part(self, train_val: list[str], rows: Mapping[str, Row]) -> list[str]:
        if self.split == 'train_val':
            return train_val
        names = [name for name in train_val
                 if is_held_out(rows[name].patient, self.val_fraction) == (self.split == 'val')]
        if not names:
            raise ConfigError(f'val_fraction={self.val_fraction} leaves no patient of {Path(self.data_root, TRAIN_VAL_LIST)} '
                              f"to split='{self.split}': choose another one")
        return names

    def _find(self, names: list[str]) -> dict[str, str]:
        """Return the path of each listed image whose file exists, by image name."""
        found = find_pictures(Path(self.img_prefix or self.data_root))
        source = str(Path(self.data_root, TEST_LIST if self.split == 'test' else TRAIN_VAL_LIST))
        self.left_out, missing = LeftOut(source), LeftOut(source)
        names = self.without_listed(names, self.left_out)
        for name in names:
            if name not in found:
                missing.add('pictures without a file', name)
        if missing and self.test_mode:
            raise DatasetError(f'{source} lists pictures that no folder of pictures in {self.img_prefix or self.data_root} '
                               f'holds, and leaving them out would change the score: {missing.summary()}; unpack them, or '
                               'remove their names from that list')
        self.left_out.names.update(missing.names)
        self.left_out.report()
        if len(missing) == len(names):
            raise DatasetError(f'{source} gives no picture that can be used: left out {self.left_out.summary()}')
        return {name: found[name] for name in names if name in found}


def is_held_out(patient: str, fraction: float) -> bool:
    """Decide by a hash of the ID whether a patient belongs to the validation split.

    The result does not depend on the machine or on the other patients. A larger fraction keeps all patients of a smaller one.

    Args:
        patient (str): the patient's ID.
        fraction (float): share of patients in the validation split, 0 to 1.
    """
    digest = hashlib.sha256(patient.encode()).digest()
    return int.from_bytes(digest[:8], 'big') < fraction * 2**64


def read_table(path: Path) -> dict[str, Row]:
    """Read the NIH's CSV table of labels.

    Args:
        path (Path): the CSV file, in UTF-8.

    Returns:
        dict[str, Row]: findings and patient by image name.

    Raises:
        DatasetError: the file is missing, lacks a column, has a row that cannot be used, or has two rows for one image.
    """
    rows: dict[str, Row] = {}
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            lines = csv.reader(file)
            header = [name.strip() for name in next(lines, [])]
            missing = [name for name in _COLUMNS if name not in header]
            if missing:
                raise DatasetError(f"{path} must begin with a line that names the columns {', '.join(_COLUMNS)}, and has no "
                                   f"'{missing[0]}'" + (f': {in_a_line(", ".join(header))}' if header else ': it is empty'))
            columns = [header.index(name) for name in _COLUMNS]
            for cells in lines:
                if not cells:
                    continue
                name, row = _row(cells, columns, f'{path}, line {lines.line_num},')
                if name in rows:
                    raise DatasetError(f'{path}, line {lines.line_num}, has the picture {name} a second time: keep the correct '
                                       'row')
                rows[name] = row
    except FileNotFoundError:
        raise DatasetError(f"table {path} does not exist: put the NIH's {' or '.join(TABLES)} there, or set the data set's "
                           'data_root and ann_file') from None
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise DatasetError(f'{path} cannot be read as a CSV file in UTF-8 ({error})') from None
    if not rows:
        raise DatasetError(f"{path} has no rows below its first line: download the NIH's file again")
    return rows


def _row(cells: list[str], columns: list[int], where: str) -> tuple[str, Row]:
    if len(cells) <= max(columns):
        raise DatasetError(f'{where} has {len(cells)} columns and must have at least {max(columns) + 1}: correct the row')
    name, labels, patient = (in_a_line(cells[column]) for column in columns)
    findings = tuple(label.strip() for label in labels.split('|'))
    for finding in findings:
        if finding not in FINDINGS and finding != NO_FINDING:
            raise DatasetError(f"{where} gives {name} the finding '{finding}', which is none of {', '.join(FINDINGS)}, "
                               f'{NO_FINDING}')
    if NO_FINDING in findings:
        if len(set(findings)) > 1:
            raise DatasetError(f"{where} gives {name} the labels '{labels}': remove '{NO_FINDING}' or the findings")
        findings = ()
    if not name or not patient:
        raise DatasetError(f'{where} has an empty {_COLUMNS[0] if not name else _COLUMNS[2]}: fill it in')
    return name, Row(findings, patient)


def read_list(path: Path, rows: Mapping[str, Row], table: Path) -> list[str]:
    """Read a text file that lists one image name per line.

    Args:
        path (Path): the list, in UTF-8.
        rows (Mapping[str, Row]): the rows of the table, by image name; every listed image must have one.
        table (Path): path of the table, for error messages.

    Raises:
        DatasetError: the file is missing or empty, or lists an image twice, or an image without a row in the table.
    """
    try:
        names = [line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines() if line.strip()]
    except FileNotFoundError:
        raise DatasetError(f'list {path} does not exist: both lists of the NIH are needed, to check that they share no '
                           "patient; put it there, or set the data set's data_root") from None
    except (UnicodeDecodeError, OSError) as error:
        raise DatasetError(f'{path} cannot be read as a text file in UTF-8 ({error})') from None
    if not names:
        raise DatasetError(f"{path} lists no pictures: download the NIH's file again")
    seen = set()
    for name in names:
        if name not in rows:
            raise DatasetError(f'{path} lists {in_a_line(name)}, for which {table} has no row: correct one of the two files')
        if name in seen:
            raise DatasetError(f'{path} lists {name} twice: remove one of the two lines')
        seen.add(name)
    return names


def check_disjoint(rows: Mapping[str, Row], lists: Mapping[Path, Iterable[str]]) -> None:
    """Check that no image and no patient is in two lists.

    Args:
        rows (Mapping[str, Row]): the rows of the table, by image name.
        lists (Mapping[Path, Iterable[str]]): the image names of each list, by its path.

    Raises:
        DatasetError: two lists share an image or a patient.
    """
    first_with: dict[str, tuple[Path, str]] = {}
    for path, names in lists.items():
        for name in names:
            patient = rows[name].patient
            other, picture = first_with.setdefault(patient, (path, name))
            if other != path:
                raise DatasetError(f'patient {patient} is in both {other} ({picture}) and {path} ({name}): a score on patients '
                                   'of the training data is too high; keep each patient in one list')


def find_pictures(folder: Path) -> dict[str, str]:
    """Find all files in `<folder>/images` and `<folder>/images_*/images`.

    Each folder is listed once, which on a network file system is faster than a look-up per image.

    Returns:
        dict[str, str]: paths by file name.

    Raises:
        DatasetError: `folder` has neither `images` nor an `images_*/images`.
    """
    places = [place for place in (folder / 'images', *sorted(folder.glob('images_*/images'))) if place.is_dir()]
    if not places:
        raise DatasetError(f'{folder} has neither a folder images nor folders images_001/images to images_012/images: unpack '
                           "the pictures there, or set the data set's data_root")
    found: dict[str, str] = {}
    for place in places:
        for name in os.listdir(place):
            found.setdefault(name, os.path.join(place, name))
    return found
