"""`mmmux.CocoDataset`: COCO annotations, with a report of excluded images and an error for an inconsistent file."""
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mmdet.datasets import CocoDataset as MMDetCocoDataset

from mmmux.registry import DATASETS
from mmmux.utils.coco_file import complete_annotations, drop_namesakes
from mmmux.utils.errors import ConfigError, DatasetError, UserError, in_a_line

from .class_lists import given_metainfo
from .exclude_list import LeavesOut, relative_name
from .loading_bar import loading_bar
from .paused_collector import collector_paused
from .skip_report import LeftOut

LONGEST_SIDE = 2**20  # longest side of an image that is accepted, in pixels


@DATASETS.register_module()
class CocoDataset(LeavesOut, MMDetCocoDataset):
    """mmdet's CocoDataset with checks of the annotation file and a report of the images it excludes.

    mmdet ignores every annotation whose category is not in `metainfo.classes`, numbers the classes in the order of the
    annotation file, in any order of `classes`, and drops images without a message. Here, a class that the file lacks
    and a different order are errors, and the images and annotations excluded from training are counted and logged once.

    Fields of annotations that labelling tools leave out (`id`, `iscrowd`, `area`) are added, and a category without annotations
    that has the name of another is ignored (:mod:`mmmux.utils.coco_file`).

    Args:
        leave_out (str, optional): text file of images to exclude, named as `file_name` in the annotation file
            (:mod:`mmmux.datasets.exclude_list`). Default: None.
        **kwargs: the arguments of mmdet's CocoDataset.

    Raises:
        ConfigError: `metainfo.classes` and the categories of the file do not match.
        DatasetError: the file is missing or malformed, or no image in it can be used.
    """

    _bar = None  # the progress bar, set only while the data set is loaded

    def __init__(self, *args, metainfo: Mapping | None = None, **kwargs):
        super().__init__(*args, metainfo=given_metainfo(metainfo, type(self).__name__, self.METAINFO), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file.

        Returns:
            list[dict]: mmdet's data infos.

        Raises:
            ConfigError: `metainfo.classes` and the categories of the file do not match.
            DatasetError: the file is missing or malformed, or lists no images.
        """
        if '://' not in self.ann_file and not Path(self.ann_file).is_file():
            raise DatasetError(f"annotation file {self.ann_file} does not exist: put the data there, or set the data set's "
                               f'data_root ({self.data_root!r} now) and ann_file')
        self.COCOAPI = self._open
        try:
            with loading_bar() as self._bar, collector_paused():
                data_list = super().load_data_list()
        except UserError:
            raise
        except Exception as error:  # a file of another format makes the readers raise errors of many types
            raise DatasetError(f'{in_a_line(str(self.ann_file))} is not a COCO annotation file: {type(error).__name__}: '
                               f'{in_a_line(str(error))}') from None
        finally:
            del self.COCOAPI, self._bar
        if not data_list:
            raise DatasetError(f'{self.ann_file} lists no pictures')
        self.left_out = LeftOut(self.ann_file)
        return self.without_listed(data_list, self.left_out, self.name_of)

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Convert an image's raw annotations to mmdet's data info, and advance the progress bar."""
        if self._bar is not None:
            self._bar.update()
        return super().parse_data_info(raw_data_info)

    def name_of(self, info: dict) -> str:
        """Return the image name that a `leave_out` file uses for a data info."""
        return relative_name(info['img_path'], self.data_prefix['img'])

    def _open(self, path: str):
        check = self._check_entries

        class Checked(type(self).COCOAPI):

            def createIndex(self) -> None:
                check(self.dataset)
                super().createIndex()

        coco = Checked(path)
        classes = tuple(self.metainfo['classes'])
        found = [category['name'] for category in coco.load_cats(coco.get_cat_ids())]
        missing = [name for name in classes if name not in found]
        if missing:
            raise ConfigError(f"{self.ann_file} has no category '{missing[0]}', which metainfo.classes names; it has "
                              f'{in_a_line(", ".join(found))}')
        unknown = {annotation['category_id'] for annotation in coco.anns.values()} - set(coco.get_cat_ids())
        if unknown:
            category = in_a_line(str(next(iter(unknown))))
            raise DatasetError(f'{self.ann_file} has annotations of category {category}, which its categories do not list')
        in_order = tuple(name for name in found if name in classes)
        if in_order != classes:
            raise ConfigError(f'metainfo.classes {classes} must be in the order of {self.ann_file}, which is {in_order}: mmdet '
                              'numbers the classes in that order')
        return coco

    def _check_entries(self, dataset: dict) -> None:
        """Add missing fields, and check every value of the file that mmdet computes with.

        mmdet checks none of them, and would train on NaN.

        Raises:
            DatasetError: a value has the wrong type or is out of range.
        """
        if self._bar is not None:
            self._bar.total = len(dataset['images'])
        complete_annotations(dataset)
        self._check('category', dataset['categories'], _broken_rule_of_category)
        self._check('picture', dataset['images'], _broken_rule_of_image)
        annotations = dataset.get('annotations', ())
        self._check('annotation', annotations, _broken_rule_of_annotation)
        pictures, astray = {image['id'] for image in dataset['images']}, LeftOut(self.ann_file)
        for annotation in annotations:
            if annotation['image_id'] not in pictures:
                astray.add('annotations of pictures that it does not list', str(annotation['image_id']))
        astray.report()
        drop_namesakes(dataset, self.ann_file)

    def _check(self, kind: str, entries: Iterable[Mapping], broken_rule: Callable[[Mapping], str | None]) -> None:
        for entry in entries:
            rule = broken_rule(entry)
            if rule:
                raise DatasetError(f'{self.ann_file} has {kind} {in_a_line(repr(entry))}: its {rule}')

    def filter_data(self) -> list[dict]:
        """Exclude the images that `filter_cfg` rejects, and log how many were excluded for each reason.

        Returns:
            list[dict]: the data infos that are kept.

        Raises:
            DatasetError: none is kept.
        """
        kept = super().filter_data()
        if not self.test_mode and (self.filter_cfg or {}).get('filter_empty_gt', False):
            # mmdet counts annotations before it drops boxes without area and boxes outside the image.
            kept = [info for info in kept if not all(box['ignore_flag'] for box in info['instances'])]
        if len(kept) < len(self.data_list):
            min_size, kept_ids = (self.filter_cfg or {}).get('min_size', 0), {info['img_id'] for info in kept}
            for info in self.data_list:
                if info['img_id'] not in kept_ids:
                    small = min(info['width'], info['height']) < min_size
                    reason = f'pictures smaller than {min_size} pixels' if small else 'pictures without boxes that can be used'
                    self.left_out.add(reason, Path(info['img_path']).name)
        self.left_out.report()
        if not kept:
            raise DatasetError(f'{self.ann_file} gives no picture that can be used: left out {self.left_out.summary()}')
        return kept


def _broken_rule_of_category(category: Mapping) -> str | None:
    right = _is_id(category['id']) and isinstance(category['name'], str)
    return None if right else 'id must be a number and name a text'


def _broken_rule_of_image(image: Mapping) -> str | None:
    name, sides = image['file_name'], (image['width'], image['height'])
    if not (_is_id(image['id']) and isinstance(name, str) and name.isprintable()):
        return 'id must be a number and file_name the name of a file'
    if not all(_is_number(side) and 1 <= side <= LONGEST_SIDE for side in sides):
        return f'width and height must be 1 to {LONGEST_SIDE} pixels'
    return None


def _broken_rule_of_annotation(annotation: Mapping) -> str | None:
    if not (_is_id(annotation['id']) and _is_id(annotation['image_id']) and _is_id(annotation['category_id'])):
        return 'id, image_id and category_id must be numbers'
    box, area = annotation['bbox'], annotation['area']
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)) and _is_number(area)):
        return 'bbox must be four numbers and area one'
    return None


def _is_id(value) -> bool:
    # Integers of 61 bits and more can be chosen to have equal hashes, and a dict of such keys needs quadratic time.
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < 2**60)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and abs(value) < 2**31
