"""Check class folders, or an annotation file of images and class numbers."""
import numpy as np
from mmengine.fileio import join_path
from mmpretrain.datasets.custom import get_samples

from mmmux.datasets.classification import CheckedFolders
from mmmux.datasets.skip_report import LeftOut
from mmmux.utils.errors import DatasetError, UserError

from .findings import UNKNOWN_CLASS, UNREADABLE_ANNOTATION, Finding, Reading
from .layout import Layout, distinct


class FolderLayout(Layout):
    """The layout of folder data sets: the images in all folders, including unknown classes, or all valid lines of a list."""

    COUNTED = 'pictures'

    def __init__(self, dataset: CheckedFolders):
        super().__init__(dataset)
        try:
            samples = self._listed() if dataset.ann_file else self._found()
        except (FileNotFoundError, NotADirectoryError):
            raise DatasetError(f'picture folder {dataset.img_prefix} does not exist: put the data there, or correct data_root '
                               'or data_prefix') from None
        left_out = LeftOut(dataset.ann_file or dataset.img_prefix)
        samples = dataset.without_listed(samples, left_out, lambda sample: sample[0])
        self.names, self.labels = [name for name, _ in samples], [label for _, label in samples]
        if not self.names:
            raise DatasetError(f'{left_out.source} holds no pictures: correct data_root, data_prefix or ann_file')

    def _listed(self) -> list[tuple[str, int | None]]:
        samples = []
        for number, line in self.dataset.read_lines():
            try:
                sample = self.dataset.parse_line(number, line)
                samples.append(sample if self.dataset.with_label else (sample, None))
            except DatasetError as error:
                self.findings.append(Finding(UNREADABLE_ANNOTATION, '', str(error)))
        return samples

    def _found(self) -> list[tuple[str, int | None]]:
        dataset = self.dataset
        if not dataset.with_label:
            return [(name, None) for name in get_samples(dataset.img_prefix, None, dataset.is_valid_file)[0]]
        folders = dataset.find_folders()
        numbers = self._numbers(folders)
        samples, _ = get_samples(dataset.img_prefix, dict(numbers), dataset.is_valid_file)
        for folder in folders:
            if numbers[folder] is None:
                pictures = sum(name.startswith(f'{folder}/') for name, _ in samples)
                self.findings.append(Finding(UNKNOWN_CLASS, '', f"folder '{folder}' of {dataset.img_prefix} holds {pictures} "
                                             f'pictures, but is not among metainfo.classes ({", ".join(self.classes)})'))
        return samples

    def _numbers(self, folders: list[str]) -> dict[str, int | None]:
        try:
            numbers = self.dataset.number(folders)
            self.classes = distinct(self.dataset.CLASSES)  # without classes in the config, `number` sets the folder names
            return numbers
        except UserError:  # the report has it too, as the refusal of the data set to start
            numbers = {name: number for number, name in enumerate(self.classes)}
            if not any(name in numbers for name in folders):
                raise
            return {name: numbers.get(name) for name in folders}

    def info(self, index: int) -> dict:
        """Return a dict with `img_path`, the path of an image."""
        return dict(img_path=join_path(self.dataset.img_prefix, self.names[index]))

    def examine(self, index: int, info: dict, image: np.ndarray | None, reading: Reading) -> None:
        """Count the image for its class."""
        if self.labels[index] is not None:
            reading.counts[self.labels[index]] = 1
