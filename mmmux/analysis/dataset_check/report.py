"""The report of a check: as text, as JSON, and as lists of images to exclude from training."""
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmmux.datasets.exclude_list import read_names, write_names
from mmmux.utils.errors import ConfigError

from .findings import KINDS, Finding
from .layout import Layout
from .parts import Part

_SHOWN = 10
_CLASSES_SHOWN = 40


@dataclass
class PartReport:
    """The report of one data set.

    Attributes:
        part: the data set.
        layout: the layout that read it.
        counts: (2, number of classes): images of each class, and boxes, pixels or images of it (`layout.COUNTED`).
        boxes: (n, 2), as in :class:`mmmux.analysis.dataset_check.findings.Reading`.
        findings: the defects.
        notes: further remarks, for example about data that was not checked.
    """
    part: Part
    layout: Layout
    counts: np.ndarray
    boxes: np.ndarray
    findings: list[Finding]
    notes: list[str]

    def to_leave_out(self) -> dict[str, str]:
        """Return the names of the images with defects, and for each the reasons in one line."""
        reasons: dict[str, list[str]] = {}
        for finding in self.findings:
            for name in finding.names:
                sentence = finding.sentence.removeprefix(f'{name}: ')
                reasons.setdefault(name, []).append(f'{finding.kind}: {sentence}')
        return {name: '; '.join(sentences) for name, sentences in reasons.items()}


@dataclass
class Report:
    """The report of all data sets of a config.

    Attributes:
        parts: the data sets that were read.
        unchecked: a sentence for each data set that could not be read.
    """
    parts: list[PartReport]
    unchecked: list[str]

    @property
    def findings(self) -> list[Finding]:
        """The findings of all data sets, in the order of `KINDS`."""
        return sorted((finding for part in self.parts for finding in part.findings), key=lambda one: KINDS.index(one.kind))

    def counts(self) -> Counter:
        """Return the number of defects of each kind."""
        counted = Counter()
        for finding in self.findings:
            counted[finding.kind] += finding.count
        return counted

    def as_dict(self) -> dict:
        """Return the report as a dict that can be written as JSON."""
        sets = []
        for report in self.parts:
            layout = report.layout
            classes = {name: {'pictures': int(pictures), layout.COUNTED: int(things)}
                       for name, pictures, things in zip(layout.classes, *report.counts)}
            sets.append(dict(title=report.part.title, splits=report.part.splits, key=report.part.key, notes=report.notes,
                             type=type(layout.dataset).__name__, pictures=len(layout.names), classes=classes))
        findings = [dict(kind=finding.kind, set=finding.where, sentence=finding.sentence, names=list(finding.names),
                         count=finding.count) for finding in self.findings]
        return dict(sets=sets, unchecked=self.unchecked, found=dict(self.counts()), findings=findings)

    def text(self) -> str:
        """Return the report as text for a terminal."""
        lines = []
        for report in self.parts:
            lines += [f'{report.part.title}: {len(report.layout.names)} pictures ({type(report.layout.dataset).__name__}, '
                      f'{report.part.key})', *(f'  note: {note}' for note in report.notes)]
        lines += ['', *self._class_table()]
        counted = self.counts()
        for kind in KINDS:
            found = [finding for finding in self.findings if finding.kind == kind]
            if found:
                lines += ['', f'{counted[kind]} {kind}']
                lines += [f'  {finding.where}: {finding.sentence}' for finding in found[:_SHOWN]]
            if len(found) > _SHOWN:
                lines.append(f'  ... and {len(found) - _SHOWN} more')
        lines += ['', *(f'not checked: {sentence}' for sentence in self.unchecked)]
        return '\n'.join([*lines, f'found: {sum(counted.values())}' if counted else 'nothing found'])

    def _class_table(self) -> list[str]:
        names = list(dict.fromkeys(name for report in self.parts for name in report.layout.classes))
        width = max([len(name) for name in names[:_CLASSES_SHOWN]] + [5]) + 2
        columns = []
        for report in self.parts:
            counted = report.layout.COUNTED
            rows = {name: report.counts[:, label] for label, name in enumerate(report.layout.classes)}
            columns.append((f'{report.part.title}: pictures', {name: row[0] for name, row in rows.items()}))
            if counted != 'pictures':
                columns.append((counted, {name: row[1] for name, row in rows.items()}))
        lines = ['class'.ljust(width) + ''.join(title.rjust(max(12, len(title) + 2)) for title, _ in columns)]
        for name in names[:_CLASSES_SHOWN]:
            cells = (f'{rows[name]:,}' if name in rows else '-' for _, rows in columns)
            lines.append(name.ljust(width) + ''.join(cell.rjust(max(12, len(title) + 2)) for cell, (title, _) in
                                                     zip(cells, columns)))
        return lines + ([f'... and {len(names) - _CLASSES_SHOWN} more'] if len(names) > _CLASSES_SHOWN else [])


def check_fix_list(parts: list[Part], layouts: list[Layout], path: Path) -> None:
    """Check that training can exclude the images that a fix list will name.

    Args:
        parts (list[Part]): the data sets.
        layouts (list[Layout]): the layout of each part.
        path (Path): the file or folder that the list will be written to.

    Raises:
        ConfigError: no training set is read, a training set has no option `leave_out`, or several would need the same file.
    """
    trained = [(part, layout) for part, layout in zip(parts, layouts) if 'train' in part.splits]
    if not trained:
        raise ConfigError(f'--fix-list {path} lists pictures that training leaves out, but only other sets are read '
                          f'({", ".join(part.title for part in parts)}): add train to --splits')
    for part, layout in trained:
        if not hasattr(layout.dataset, 'leave_out'):
            raise ConfigError(f'--fix-list {path} cannot be used: {type(layout.dataset).__name__} ({part.key}) has no option '
                              'leave_out that could name it')
    if len(trained) > 1 and path.suffix:
        raise ConfigError(f'--fix-list {path} is a single file, but training reads {len(trained)} data sets, each of which '
                          'needs its own list: give a folder')


def write_fix_lists(report: Report, path: Path) -> dict[str, Path]:
    """Write the names of the images that the training sets should exclude, including those that they exclude already.

    Args:
        report (Report): the report of the check.
        path (Path): a file; without a suffix, a folder that receives a file for each training set.

    Returns:
        dict[str, Path]: the files written, by the config key of the `leave_out` that should name them.
    """
    written = {}
    for one in report.parts:
        if 'train' not in one.part.splits:
            continue
        file = path if path.suffix else path / f'{one.part.title.replace(" ", "_")}.txt'
        before = one.layout.dataset.leave_out
        reasons = dict.fromkeys(read_names(before) if before else (), f'already named in {before}')
        write_names(file, {**reasons, **one.to_leave_out()})
        written[f'{one.part.key}.leave_out'] = file
    return written
