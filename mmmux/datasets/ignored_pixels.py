"""Find label maps from which nothing can be learnt or measured, because all but one class is ignored."""
import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from mmengine.logging import print_log

from mmmux.utils.errors import DatasetError

from .label_maps import IGNORED, largest_label, training_labels

_MOST_READ = 1000  # label maps; in a larger data set, these are spread evenly
_READ_WITHOUT_IGNORED = 20


def check_classes_in_label_maps(infos: Sequence[Mapping], classes: Sequence[str], folder: str,
                                read: Callable[[str], np.ndarray]) -> None:
    """Read label maps until one has a second class; refuse a data set that has at most one class besides ignored pixels.

    Masks of 0 and 255 are a usual cause: 255 is ignored and is no class, so that a model that knows one class only would be
    perfect. A data set with two classes in its first label map costs the time of reading this one. Label maps that cannot be
    read, or whose numbers are no classes, give no verdict, and neither do those without any ignored pixel.

    Args:
        infos (Sequence[Mapping]): mmseg's data infos with `seg_map_path`, `labels` and `reduce_zero_label`.
        classes (Sequence[str]): the class names.
        folder (str): the folder of label maps, for the message.
        read (Callable[[str], ndarray]): reads the numbers of a label map, or raises DatasetError.

    Raises:
        DatasetError: at most one class has pixels in the label maps, and the others are ignored.
    """
    seen, ignored, pixels = set(), 0, 0
    chosen = infos[::-(-len(infos) // _MOST_READ)]
    for count, info in enumerate(chosen, 1):
        try:
            numbers, counts = np.unique(read(info['seg_map_path']), return_counts=True)
        except DatasetError:  # is reported when the pipeline reads it
            return
        if ((numbers > largest_label(info)) & (numbers != IGNORED) | (numbers < 0)).any():
            return
        labels = training_labels(numbers, info)
        seen |= set(labels[labels != IGNORED].tolist())
        ignored, pixels = ignored + int(counts[labels == IGNORED].sum()), pixels + int(counts.sum())
        if len(seen) > 1 or (not ignored and count >= _READ_WITHOUT_IGNORED):
            return
    if not ignored:
        return
    names = f"pixels of class '{classes[next(iter(seen))]}' only" if seen else 'no pixel of any class'
    missing = next(label for label in range(len(classes)) if label not in seen)
    number = missing + int(infos[0]['reduce_zero_label'])
    zero = ' and 0 (reduce_zero_label)' if infos[0]['reduce_zero_label'] else ''
    sentence = (f'the label maps in {folder} ({len(chosen)} of {len(infos)} were read) have {names}: '
                f'{100 * ignored / pixels:.1f} % of the pixels are {IGNORED}{zero}, which training and testing ignore; convert '
                "them so that each pixel holds the number of its class, which is "
                f"{number} and not {IGNORED} for '{classes[missing]}'")
    if len(chosen) == len(infos):
        raise DatasetError(sentence)
    print_log(sentence, 'current', logging.WARNING)
