"""Collect the readings of all images into a report."""
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from .boxes_per_picture import BoxesPerPicture
from .duplicates import Duplicates, Place
from .findings import (
    KINDS,
    NO_EXAMPLE,
    NOT_A_NUMBER,
    OUTSIDE,
    REFUSED,
    SAME_ACROSS,
    SAME_WITHIN,
    UNKNOWN_CLASS,
    WITHOUT_AREA,
    Finding,
    Reading,
)
from .layout import Layout
from .parts import Part
from .report import PartReport, Report

_OF_BOXES = (NOT_A_NUMBER, WITHOUT_AREA, OUTSIDE)
_NAMES_SHOWN = 5


class Collector:
    """Accumulate readings, in any order, and build the report.

    Args:
        parts (Sequence[Part]): the data sets, those of training first.
        layouts (Sequence[Layout]): the layout of each part.
        per_picture (BoxesPerPicture): compares the boxes of each image with the model of the config.
    """

    def __init__(self, parts: Sequence[Part], layouts: Sequence[Layout], per_picture: BoxesPerPicture):
        self.parts, self.layouts, self.per_picture = parts, layouts, per_picture
        self.findings: list[list[tuple[int, Finding]]] = [[] for _ in parts]
        self.unknown: list[dict[str, dict[int, int]]] = [defaultdict(dict) for _ in parts]
        self.counts = [np.zeros((2, len(layout.classes)), np.int64) for layout in layouts]
        self.ignored = [0 for _ in parts]
        self.boxes = [array('f') for _ in parts]
        self.duplicates = Duplicates()

    def add(self, part: int, index: int, reading: Reading) -> None:
        """Add the reading of one image.

        Args:
            part (int): number of the part.
            index (int): index of the image in the part's layout.
            reading (Reading): the result of reading it.
        """
        for problem in reading.problems:
            if problem.kind == UNKNOWN_CLASS:
                self.unknown[part][problem.sentence][index] = problem.count
                continue
            count = problem.count if problem.kind in _OF_BOXES else 1
            sentence = f'{reading.name}: {problem.sentence}'
            finding = Finding(problem.kind, self.parts[part].title, sentence, (reading.name, ), count)
            self.findings[part].append((index, finding))
        for label, count in reading.counts.items():
            if 0 <= label < len(self.layouts[part].classes):
                self.counts[part][:, label] += 1, count
        if reading.boxes is not None:
            self.boxes[part].extend(reading.boxes.ravel().tolist())
        self.per_picture.add(part, reading)
        self.ignored[part] += reading.ignored
        self.duplicates.add(part, index, reading)

    def report(self, refusals: dict[int, str], unchecked: list[str]) -> Report:
        """Build the report of everything that was found.

        Args:
            refusals (dict[int, str]): by the number of a part, the error with which its data set refuses to start.
            unchecked (list[str]): a sentence for each data set that could not be read.
        """
        same = self._same()
        parts = []
        for number, (part, layout) in enumerate(zip(self.parts, self.layouts)):
            found = [Finding(finding.kind, part.title, finding.sentence, finding.names, finding.count)
                     for finding in layout.findings]
            found += [finding for _, finding in sorted(self.findings[number], key=lambda pair: pair[0])]
            found += [*self._unknown(number), *same[number], *self.per_picture.findings(number, part)]
            notes = [*layout.notes, *self.per_picture.notes(number, part, layout)]
            if self.ignored[number]:
                notes.append(layout.note_of_ignored(self.ignored[number], int(self.counts[number][1].sum())))
            if number in refusals and found:
                notes.append(f'training and testing refuse this set: {refusals[number]}')
            elif number in refusals:
                found.append(Finding(REFUSED, part.title, refusals[number]))
            boxes = np.frombuffer(self.boxes[number], np.float32).reshape(-1, 2)
            parts.append(PartReport(part, layout, self.counts[number], boxes, found, notes))
        self._find_classes_without_example(parts)
        for report in parts:
            report.findings.sort(key=lambda finding: KINDS.index(finding.kind))
        return Report(parts, unchecked)

    def _unknown(self, number: int) -> list[Finding]:
        layout, found = self.layouts[number], []
        for name, counts in sorted(self.unknown[number].items()):
            names = [layout.names[index] for index in sorted(counts)]
            shown = ', '.join(names[:_NAMES_SHOWN]) + (', ...' if len(names) > _NAMES_SHOWN else '')
            found.append(Finding(UNKNOWN_CLASS, self.parts[number].title,
                                 f'{name} is in {sum(counts.values())} {layout.COUNTED} of {len(names)} pictures ({shown}), '
                                 f'but not among the {len(layout.classes)} classes', tuple(names)))
        return found

    def _same(self) -> list[list[Finding]]:
        """Return the duplicates of each part as findings.

        Across parts, the copy in training is the one to exclude, and the test image is kept; within a part, the first is kept.
        """
        found: list[list[Finding]] = [[] for _ in self.parts]
        for number, part in enumerate(self.parts):
            if 'train' in part.splits and len(part.splits) > 1:
                found[number].append(Finding(SAME_ACROSS, part.title, f'{" and ".join(part.splits)} read the same pictures'))
        for group in self.duplicates.groups():
            kept = max(group, key=lambda place: (self._importance(place), -place.part, -place.index))
            times = Counter(self._named(place) for place in group)
            for (number, name), count in times.items():
                if count > 1:
                    found[number].append(Finding(SAME_WITHIN, self.parts[number].title, f'{name}: is listed {count} times'))
            for place in {self._named(place): place for place in group}.values():
                if self._named(place) != self._named(kept):
                    found[place.part].append(self._duplicate(place, kept))
        return found

    def _named(self, place: Place) -> tuple[int, str]:
        return place.part, self.layouts[place.part].names[place.index]

    def _importance(self, place: Place) -> int:
        splits = self.parts[place.part].splits
        return 2 * ('test' in splits) + ('val' in splits) - ('train' in splits)

    def _duplicate(self, place: Place, kept: Place) -> Finding:
        (part, name), (other_part, other) = self._named(place), self._named(kept)
        where = '' if part == other_part else f' of {self.parts[other_part].title}'
        same_file = place.file is not None and place.file == kept.file
        how = 'the same file as' if same_file else 'has the same pixels as'
        kind = SAME_ACROSS if self.parts[part].splits != self.parts[other_part].splits else SAME_WITHIN
        return Finding(kind, self.parts[part].title, f'{name}: {how} {other}{where}', (name, ))

    def _find_classes_without_example(self, parts: list[PartReport]) -> None:
        trained = [report for report in parts if 'train' in report.part.splits]
        seen = Counter()
        for report in trained:
            seen.update({name: int(count) for name, count in zip(report.layout.classes, report.counts[0])})
        if trained and any(seen.values()):
            trained[0].findings += [Finding(NO_EXAMPLE, 'train', f"'{name}' is in no picture to train on")
                                    for name, count in seen.items() if not count]
        elif trained and seen:
            trained[0].findings.append(Finding(NO_EXAMPLE, 'train', f'no picture shows any of the {len(seen)} classes'))
