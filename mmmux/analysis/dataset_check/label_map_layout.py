"""Check images with label maps, and report every number in a label map that is not a class."""
import numpy as np

from mmmux.datasets.class_names import some
from mmmux.datasets.label_maps import IGNORED, LoadLabelMap, largest_label, training_labels
from mmmux.datasets.segmentation import CheckedSegDataset
from mmmux.datasets.skip_report import LeftOut
from mmmux.utils.errors import DatasetError

from .findings import NOT_READ, SIZE_MISMATCH, UNKNOWN_CLASS, UNREADABLE_ANNOTATION, Finding, Reading
from .layout import Layout


class LabelMapLayout(Layout):
    """The layout of segmentation data sets: the images in the folder or the split file, with or without a label map."""

    COUNTED = 'pixels'

    def __init__(self, dataset: CheckedSegDataset):
        super().__init__(dataset)
        folder = dataset.data_prefix['img_path']
        found = dataset.find_pictures()
        self._find_unread(found)
        self.infos = dataset.without_listed(found, LeftOut(folder), dataset.name_of)
        self.names = [dataset.name_of(info) for info in self.infos]
        if not self.names:
            raise DatasetError(f'picture folder {folder} holds no *{dataset.img_suffix}: correct data_root, data_prefix or '
                               'img_suffix')
        loaders = [transform for transform in dataset.pipeline.transforms if isinstance(transform, LoadLabelMap)]
        self.loader = loaders[0] if loaders else LoadLabelMap()

    def _find_unread(self, infos: list[dict]) -> None:
        dataset, others = self.dataset, self.dataset.other_pictures()
        if others:
            self.findings.append(Finding(NOT_READ, '', f'{dataset.data_prefix["img_path"]} has {len(others)} pictures of '
                                         f'another suffix ({some(others)}): {dataset.advice_on(others)}', count=len(others)))
        lone = dataset.lone_label_maps(infos, others)
        if lone:  # not a defect if two splits share a folder of label maps
            self.notes.append(f'{dataset.data_prefix["seg_map_path"]} has {len(lone)} label maps without a picture '
                              f'({some(lone)})')

    def info(self, index: int) -> dict:
        """Return mmseg's data info of an image."""
        return self.infos[index]

    def examine(self, index: int, info: dict, image: np.ndarray | None, reading: Reading) -> None:
        """Read the label map of an image, check its size, and count the pixels of each class."""
        if info.get('seg_map_path') is None:
            return
        try:
            labels = self.loader.read(info['seg_map_path'])
        except DatasetError as error:
            reading.add(UNREADABLE_ANNOTATION, str(error))
            return
        if labels.ndim != 2:
            reading.add(UNREADABLE_ANNOTATION, f'label map {info["seg_map_path"]} is in colour ({labels.shape[2]} channels), '
                        'but must hold the number of a class in each pixel')
            return
        if image is not None:
            try:
                self.loader.check_shape(labels, dict(info, ori_shape=image.shape))
            except DatasetError as error:
                reading.add(SIZE_MISMATCH, str(error))
        self._count(labels, info, reading)

    def _count(self, labels: np.ndarray, info: dict, reading: Reading) -> None:
        numbers, pixels = np.unique(labels, return_counts=True)
        beyond = ((numbers > largest_label(info)) & (numbers != IGNORED)) | (numbers < 0)
        for number, count in zip(numbers[beyond].tolist(), pixels[beyond].tolist()):
            reading.add(UNKNOWN_CLASS, f'value {number}', count)
        for number, count in zip(training_labels(numbers[~beyond], info).tolist(), pixels[~beyond].tolist()):
            if number == IGNORED:
                reading.ignored += count
            else:
                reading.counts[number] = reading.counts.get(number, 0) + count

    def note_of_ignored(self, ignored: int, counted: int) -> str:
        """Say which pixels are ignored, and how many there are."""
        zero = ' and 0 (reduce_zero_label)' if self.dataset.reduce_zero_label else ''
        others = ' and classes that metainfo.classes does not name' if self.dataset.label_map else ''
        return (f'{100 * ignored / (ignored + counted):.1f} % of the pixels ({ignored:,}) are {IGNORED}{zero}{others}, which '
                'training and testing ignore: they are no class')
