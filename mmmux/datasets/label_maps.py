"""Loading label maps: what cannot be a label map of these classes gets a sentence instead of being trained on."""
from io import BytesIO

import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

from mmmux.registry import TRANSFORMS
from mmmux.utils.errors import ConfigError, DatasetError

from .image_checks import opened, picture_bytes
from .loading import SkipUnusable

IGNORED = 255
# Pillow stretches gray values of 2 and 4 bits, which some programs write to save space, to 8 bits.
_STRETCHED = {'L;2': 85, 'L;4': 17}


@TRANSFORMS.register_module()
class LoadLabelMap(LoadAnnotations):
    """mmseg's LoadAnnotations with checks: the label map is one number a pixel, of a known class, and of the picture's size.

    Palette PNGs are read as the numbers they hold, gray ones of 1 to 16 bits, too. What a data set's `reduce_zero_label` and
    custom classes ask for is done as in mmseg. Needs the number of classes that a data set of this package tells.

    Raises:
        ConfigError: the data set is another one, or has another `reduce_zero_label` than the transform.
        DatasetError: the file is missing, damaged, in colour, of another size, or holds a number beyond the classes.
    """

    def transform(self, results: dict) -> dict:
        """Add `gt_seg_map` (H, W), uint8; 255 is ignored. Nothing is added to a picture to predict, which has no label map."""
        if results.get('seg_map_path') is None:
            return results
        if 'labels' not in results:
            raise ConfigError('LoadLabelMap needs a data set that tells its number of classes: mmmux.SegDataset, '
                              'mmmux.ADE20KDataset or mmmux.CityscapesDataset')
        if self.reduce_zero_label not in (None, results['reduce_zero_label']):
            raise ConfigError(f'LoadLabelMap has reduce_zero_label={self.reduce_zero_label} and the data set '
                              f'{results["reduce_zero_label"]}: set it in the data set alone')
        labels = self.read(results['seg_map_path'])
        self.check_shape(labels, results)
        self._check_values(labels, results)
        results['gt_seg_map'] = training_labels(labels, results).astype(np.uint8)
        results['seg_fields'].append('gt_seg_map')
        return results

    def read(self, path: str) -> np.ndarray:
        """The numbers in a file (H, W), unchecked, of the type that it holds; of a picture in colour (H, W, C)."""
        try:
            with opened(BytesIO(picture_bytes(path, self.backend_args))) as image:
                stored = image.tile[0][3] if image.tile else None
                labels = np.asarray(image)
        except DatasetError as error:
            raise DatasetError(f'label map {path} is missing or cannot be read (it {error})') from None
        if labels.dtype.kind not in 'bui':
            raise DatasetError(f'label map {path} holds {labels.dtype} numbers and must hold those of classes: convert it')
        return (labels.astype(np.uint8) if labels.dtype == bool else labels) // _STRETCHED.get(stored, 1)

    def check_shape(self, labels: np.ndarray, results: dict) -> None:
        """Raise if a label map is not of its picture's size, which is in `ori_shape`."""
        path = results['seg_map_path']
        if labels.ndim != 2:
            raise DatasetError(f'label map {path} is in colour ({labels.shape[2]} channels) and must hold the number of a '
                               'class in each pixel: convert it')
        height, width = results['ori_shape'][:2]
        if labels.shape != (height, width):
            turned = ' (the picture may have an EXIF tag that turns it)' if labels.shape == (width, height) else ''
            raise DatasetError(f'label map {path} is {labels.shape[1]} x {labels.shape[0]} pixels and its picture '
                               f'{results["img_path"]} {width} x {height}: they must have the same size{turned}')

    def _check_values(self, labels: np.ndarray, results: dict) -> None:
        largest = largest_label(results)
        beyond = labels[(labels > largest) & (labels != IGNORED) | (labels < 0)]
        if beyond.size:
            raise LabelError(f'label map {results["seg_map_path"]} has the value {beyond[0]} in {beyond.size} pixels, and the '
                             f'{results["labels"]} classes are numbered {int(results["reduce_zero_label"])} to {largest} '
                             f"({IGNORED} is ignored): check the data set's classes and reduce_zero_label")


def largest_label(results: dict) -> int:
    """The largest number that stands for a class in a data set's label maps."""
    return results['labels'] if results['reduce_zero_label'] else results['labels'] - 1


def training_labels(labels: np.ndarray, results: dict) -> np.ndarray:
    """From the numbers in a label map, none beyond the classes, to those that are trained on; 255 is ignored."""
    if results['reduce_zero_label']:
        labels = np.where((labels == 0) | (labels == IGNORED), IGNORED, labels - 1)
    if results.get('label_map'):
        numbers = np.full(IGNORED + 1, IGNORED)
        numbers[list(results['label_map'])] = list(results['label_map'].values())
        labels = numbers[labels]
    return labels


class LabelError(DatasetError):
    """A label map holds a number beyond the classes: the config does not fit the data."""


@TRANSFORMS.register_module()
class LoadLabelMapOrSkip(SkipUnusable, LoadLabelMap):
    """For training: a label map that cannot be used is named, once in each loading process, and another picture is drawn.

    Raises:
        LabelError: a label map holds a number beyond the classes, which most often concerns the whole data set.
        DatasetError: 100 label maps in a row cannot be used.
    """

    NEVER_SKIPPED = LabelError
