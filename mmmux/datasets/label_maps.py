"""Load label maps, and raise an error for one that does not fit the classes or the image."""
from io import BytesIO

import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

from mmmux.registry import TRANSFORMS
from mmmux.utils.errors import ConfigError, DatasetError

from .image_checks import opened, picture_bytes
from .loading import SkipUnusable

IGNORED = 255
# Pillow scales gray values of 2 and 4 bits to 8 bits; dividing by these factors restores the stored numbers.
_STRETCHED = {'L;2': 85, 'L;4': 17}


@TRANSFORMS.register_module()
class LoadLabelMap(LoadAnnotations):
    """mmseg's LoadAnnotations with checks: the label map has one valid class number per pixel, and the size of the image.

    Palette PNGs, and gray PNGs of 1 to 16 bits, are read as the numbers that they store. `reduce_zero_label` and custom classes
    of the data set are applied as in mmseg. The data set must be one of this package, which provides its number of classes. The
    arguments are those of mmseg's LoadAnnotations.

    Raises:
        ConfigError: the data set does not provide its number of classes, or the transform's `reduce_zero_label` differs from
            the data set's.
        DatasetError: the file is missing, damaged, in colour or of another size than the image.
        LabelError: the file holds a number outside the range of the classes.
    """

    def transform(self, results: dict) -> dict:
        """Load the label map.

        Args:
            results (dict): with `seg_map_path`, `labels` (number of classes), `reduce_zero_label`, `ori_shape` and `img_path`.

        Returns:
            dict: `results` with `gt_seg_map` (H, W), uint8, where 255 is ignored; unchanged if `seg_map_path` is missing or
            None, as for an image to predict.
        """
        if results.get('seg_map_path') is None:
            return results
        if 'labels' not in results:
            raise ConfigError(f'{type(self).__name__} needs a data set that passes on its number of classes: use '
                              'mmmux.SegDataset, mmmux.ADE20KDataset or mmmux.CityscapesDataset')
        if self.reduce_zero_label not in (None, results['reduce_zero_label']):
            raise ConfigError(f'{type(self).__name__} has reduce_zero_label={self.reduce_zero_label}, and the data set has '
                              f'reduce_zero_label={results["reduce_zero_label"]}: set it in the data set only')
        labels = self.read(results['seg_map_path'])
        self.check_shape(labels, results)
        self._check_values(labels, results)
        results['gt_seg_map'] = training_labels(labels, results).astype(np.uint8)
        results['seg_fields'].append('gt_seg_map')
        return results

    def read(self, path: str) -> np.ndarray:
        """Read the numbers of a label map without checking them.

        Args:
            path (str): the image file.

        Returns:
            np.ndarray: (H, W) integers of the file's own type, or (H, W, C) for a colour image.

        Raises:
            DatasetError: the file is missing or damaged, or holds other numbers than integers.
        """
        try:
            with opened(BytesIO(picture_bytes(path, self.backend_args))) as image:
                stored = image.tile[0][3] if image.tile else None
                labels = np.asarray(image)
        except DatasetError as error:
            raise DatasetError(f'label map {path} cannot be read (it {error})') from None
        if labels.dtype.kind not in 'bui':
            raise DatasetError(f'label map {path} holds {labels.dtype} values and must hold integer class numbers: convert it')
        return (labels.astype(np.uint8) if labels.dtype == bool else labels) // _STRETCHED.get(stored, 1)

    def check_shape(self, labels: np.ndarray, results: dict) -> None:
        """Check that a label map has one channel and the size of its image.

        Args:
            labels (np.ndarray): the label map, as :meth:`read` returns it.
            results (dict): with `ori_shape`, the image's (H, W), and `seg_map_path` and `img_path` for messages.

        Raises:
            DatasetError: the label map is in colour or has another size.
        """
        path = results['seg_map_path']
        if labels.ndim != 2:
            raise DatasetError(f'label map {path} is in colour ({labels.shape[2]} channels) and must hold one class number in '
                               'each pixel: convert it')
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
    """Return the largest class number in a data set's label maps.

    Args:
        results (dict): with `labels`, the number of classes, and `reduce_zero_label`.
    """
    return results['labels'] if results['reduce_zero_label'] else results['labels'] - 1


def training_labels(labels: np.ndarray, results: dict) -> np.ndarray:
    """Convert the numbers in a label map to the class numbers of training.

    Args:
        labels (np.ndarray): valid numbers, of any shape.
        results (dict): with `reduce_zero_label` and, for custom classes, `label_map`.

    Returns:
        np.ndarray: class numbers of the same shape; 255 is ignored.
    """
    if results['reduce_zero_label']:
        labels = np.where((labels == 0) | (labels == IGNORED), IGNORED, labels - 1)
    if results.get('label_map'):
        numbers = np.full(IGNORED + 1, IGNORED)
        numbers[list(results['label_map'])] = list(results['label_map'].values())
        labels = numbers[labels]
    return labels


class LabelError(DatasetError):
    """A label map holds a number outside the range of the classes: the config does not match the data."""


@TRANSFORMS.register_module()
class LoadLabelMapOrSkip(SkipUnusable, LoadLabelMap):
    """Load label maps for training: log one that cannot be used, and have the data set pick another sample.

    Each loading process logs a label map once. The arguments are those of mmseg's LoadAnnotations.

    Raises:
        LabelError: a label map holds a number outside the range of the classes, which usually concerns the whole data set.
        DatasetError: 100 label maps in a row cannot be used.
    """

    NEVER_SKIPPED = LabelError
