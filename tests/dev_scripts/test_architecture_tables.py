import json
import re
from pathlib import Path

import pytest
from pages import architecture_tables

from mmmux.models import ARCHITECTURES, DS, IR, MUX

ROOT = Path(__file__).resolve().parents[2]
KINDS = dict(DS=DS, IR=IR, MUX=MUX)


def cells(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without the line below its head."""
    lines = [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]
    assert set(lines[1]) == {'---'} and len({len(line) for line in lines}) == 1
    return [lines[0], *lines[2:]]


def read(cell: str) -> list[tuple]:
    """What a cell says of each row of a stage: kind, channels, kernel, stride, expansion, scales."""
    pattern = r'(?:(\d+) x )?(DS|IR|MUX) k([\d,]+)(?: s(\d))?(?: e(\d+))?(?: \(([-+\d, ]+)\))?(?: -> (\d+))?'
    rows = []
    for part in re.split(r', (?=(?:\d+ x )?[A-Z])', cell):
        count, kind, kernel, stride, expand, scales, channels = re.fullmatch(pattern, part).groups()
        kernel = tuple(map(int, kernel.split(',')))
        row = (KINDS[kind], channels and int(channels), kernel if len(kernel) > 1 else kernel[0], int(stride or 1),
               expand and int(expand), scales and tuple(map(int, scales.split(', '))))
        rows += [row] * int(count or 1)
    return rows


def test_family_table_can_be_read_back():
    """Every row of every network, in its place."""
    (_, *networks), stem, *stages, head = cells(architecture_tables.family_table())
    assert networks == [f'MUXNet-{name}' for name in ARCHITECTURES] and [line[0] for line in stages] == list('0123456')
    for column, arch in enumerate(ARCHITECTURES.values(), 1):
        assert [line[column] for line in (stem, head)] == [
            f'3 x 3, stride 2, {arch.stem_channels}', f'1 x 1, {arch.head_channels}']
        for line, rows in zip(stages, arch.stages):
            assert read(line[column]) == [
                (type(row), getattr(row, 'out_channels', None), row.kernel_size, getattr(row, 'stride', 1),
                 getattr(row, 'expand_ratio', None), row.scales) for row in rows]


def test_budget_table_is_what_torch_counts_beside_the_papers_figures():
    """Of the networks that are ours: 1.8 M and 66 M, 2.4 M and 117 M in the paper."""
    _, *lines = cells(architecture_tables.budget_table(ROOT))
    assert [(line[0], line[2]) for line in lines] == [('MUXNet-xs', '1.8 M, 66 M'), ('MUXNet-s', '2.4 M, 117 M')]
    for line in lines:
        params, macs = (int(number.replace(',', '')) for number in re.fullmatch(r'([\d,]+), ([\d,]+)', line[1]).groups())
        published = [float(figure.split()[0]) for figure in line[2].split(', ')]
        assert round(params / 1e6, 1) == published[0] and macs / 1e6 == pytest.approx(published[1], abs=1)


@pytest.mark.parametrize(('gpu', 'where'), [(None, 'A processor'), ('A GPU', 'A GPU')])
def test_candidate_table(tmp_path, gpu, where):
    candidates = {'xs-one': dict(params=1_234_567, macs=65_000_001, epochs=6, top1=[12.346, 20.]),
                  'xs-two': dict(params=2_000_000, macs=66_000_000, epochs=6, top1=[7., 8.])}
    result = tmp_path / 'candidates.json'
    result.write_text(json.dumps(dict(
        date='2026-01-02', command='candidates.py --jobs 2', processor='A processor', gpu=gpu, versions=dict(torch='2.11.0'),
        seeds=[0, 3], candidates=candidates)))
    table, below = architecture_tables.candidate_table(result).split('\n\n')
    assert cells(table)[1:] == [['xs-one', '1,234,567', '65,000,001', '12.35, 20.00'],
                                ['xs-two', '2,000,000', '66,000,000', '7.00, 8.00']]
    assert below.startswith(f'6 epochs of a tenth of CIFAR-10 at 32 x 32 pixels, seeds 0, 3; {where}, torch 2.11.0, 2026-01-02')
    assert below.endswith('Written by `candidates.py`: [candidates.json](../benchmarks/results/candidates.json).')


def test_published_candidates_are_tabled():
    """From where the page is, its link leads to the file that it tells of."""
    result = ROOT / 'benchmarks/results/candidates.json'
    text = architecture_tables.candidate_table(result)
    (link, ) = re.findall(r'\]\(([^)]+)\)', text)
    assert (ROOT / 'docs' / link).resolve() == result
    names = [line[0] for line in cells(text.split('\n\n')[0])[1:]]
    assert names == list(json.loads(result.read_text())['candidates']) and {'xs-plain', 's-coarse-fine'} <= set(names)
