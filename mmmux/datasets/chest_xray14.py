"""ChestX-ray14 (Wang et al., CVPR 2017) from the files that the NIH publishes."""
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
    """What the table says of a picture."""
    findings: tuple[str, ...]
    patient: str


@DATASETS.register_module()
class ChestXray14(LeavesOut, MultiLabelDataset):
    """X-ray pictures with any number of 14 findings each, "No Finding" being none of them.

    Read are the table of labels, `train_val_list.txt`, `test_list.txt`, and the pictures in `images`, in `images_001/images`,
    `images_002/images` and so on, or in both. The NIH's split is kept; as it holds training and validation in one list,
    validation takes a share of that list's patients, always the same ones.

    Args:
        data_root: folder of the NIH's files.
        split: 'train', 'val', 'train_val' (both together) or 'test'.
        val_fraction: share of the patients of `train_val_list.txt` that 'train' leaves to 'val', 0 to below 1. Give both parts
            the same one.
        ann_file: the table, relative to `data_root`; '' takes `Data_Entry_2017.csv` or `Data_Entry_2017_v2020.csv`.
        metainfo: with `classes`, to use some of the findings only, or in another order.
        leave_out: a file of names, as in the lists, that are left out on purpose (:mod:`mmmux.datasets.exclude_list`).
        options: further arguments as in mmpretrain's BaseDataset; `data_prefix` is the folder that holds `images`.

    Raises:
        ConfigError: `split`, `val_fraction` or the classes cannot be used.
        DatasetError: a file is missing or not as described, the two lists share a picture or a patient, or there is no picture
            left; in testing (`test_mode`), also when a single picture is missing, which would change the score.
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
        """Read table and lists and look for the pictures.

        Returns:
            list[dict]: mmpretrain's data infos: `img_path` and `gt_label`, the numbers of the picture's classes, maybe none.
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
        """The path of each picture that is there."""
        found = find_pictures(Path(self.img_prefix or self.data_root))
        source = str(Path(self.data_root, TEST_LIST if self.split == 'test' else TRAIN_VAL_LIST))
        self.left_out, missing = LeftOut(source), LeftOut(source)
        names = self.without_listed(names, self.left_out)
        for name in names:
            if name not in found:
                missing.add('pictures without a file', name)
        if missing and self.test_mode:
            raise DatasetError(f'{source} lists pictures that are in no folder of pictures in '
                               f'{self.img_prefix or self.data_root}, and leaving them out would change the score: '
                               f'{missing.summary()}; unpack them, or take their names off that list')
        self.left_out.names.update(missing.names)
        self.left_out.report()
        if len(missing) == len(names):
            raise DatasetError(f'{source} gives no picture that can be used: left out {self.left_out.summary()}')
        return {name: found[name] for name in names if name in found}


def is_held_out(patient: str, fraction: float) -> bool:
    """Whether a patient is among the share to validate with: the same answer everywhere, whoever else is in the list.

    With a larger share, the patients of a smaller one stay in it.
    """
    digest = hashlib.sha256(patient.encode()).digest()
    return int.from_bytes(digest[:8], 'big') < fraction * 2**64


def read_table(path: Path) -> dict[str, Row]:
    """Read the NIH's table: for each picture its findings and its patient.

    Raises:
        DatasetError: it is missing, no such table, has a row that cannot be used, or two of the same picture.
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
                    raise DatasetError(f'{path}, line {lines.line_num}, has the picture {name} for the second time: keep the '
                                       'row that is right')
                rows[name] = row
    except FileNotFoundError:
        raise DatasetError(f"table {path} does not exist: put the NIH's {' or '.join(TABLES)} there, or set the data set's "
                           'data_root and ann_file') from None
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise DatasetError(f'{path} cannot be read as a CSV file in UTF-8 ({error})') from None
    if not rows:
        raise DatasetError(f'{path} has no rows below its first line')
    return rows


def _row(cells: list[str], columns: list[int], where: str) -> tuple[str, Row]:
    if len(cells) <= max(columns):
        raise DatasetError(f'{where} has {len(cells)} columns, and {max(columns) + 1} are needed')
    name, labels, patient = (in_a_line(cells[column]) for column in columns)
    findings = tuple(label.strip() for label in labels.split('|'))
    for finding in findings:
        if finding not in FINDINGS and finding != NO_FINDING:
            raise DatasetError(f"{where} says that {name} has the finding '{finding}', which is none of {', '.join(FINDINGS)}, "
                               f'{NO_FINDING}')
    if NO_FINDING in findings:
        if len(set(findings)) > 1:
            raise DatasetError(f"{where} says '{labels}' of {name}: either '{NO_FINDING}' or findings")
        findings = ()
    if not name or not patient:
        raise DatasetError(f'{where} has no {_COLUMNS[0] if not name else _COLUMNS[2]}')
    return name, Row(findings, patient)


def read_list(path: Path, rows: Mapping[str, Row], table: Path) -> list[str]:
    """Read a list of pictures, one a line, all of them in the table.

    Raises:
        DatasetError: it is missing or empty, or lists a picture twice or one that the table lacks.
    """
    try:
        names = [line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines() if line.strip()]
    except FileNotFoundError:
        raise DatasetError(f"list {path} does not exist: both lists of the NIH are needed, to tell that they share no patient; "
                           "put it there, or set the data set's data_root") from None
    except (UnicodeDecodeError, OSError) as error:
        raise DatasetError(f'{path} cannot be read as a text file in UTF-8 ({error})') from None
    if not names:
        raise DatasetError(f'{path} lists no pictures')
    seen = set()
    for name in names:
        if name not in rows:
            raise DatasetError(f'{path} lists {in_a_line(name)}, of which {table} has no row')
        if name in seen:
            raise DatasetError(f'{path} lists {name} twice: take one of the two lines away')
        seen.add(name)
    return names


def check_disjoint(rows: Mapping[str, Row], lists: Mapping[Path, Iterable[str]]) -> None:
    """Check that no picture and no patient is in two lists.

    Raises:
        DatasetError: one is.
    """
    first_with: dict[str, tuple[Path, str]] = {}
    for path, names in lists.items():
        for name in names:
            patient = rows[name].patient
            other, picture = first_with.setdefault(patient, (path, name))
            if other != path:
                raise DatasetError(f'patient {patient} is in both {other} ({picture}) and {path} ({name}): a test on patients '
                                   'that a network was trained on says nothing; keep each patient in one list')


def find_pictures(folder: Path) -> dict[str, str]:
    """Paths by name of the pictures in `images` and in `images_*/images`, each folder being listed once.

    Raises:
        DatasetError: there is no such folder.
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
