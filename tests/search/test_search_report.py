import csv
import json

import pytest
from matplotlib.axes import Axes
from PIL import Image

from mmmux.search import report
from mmmux.search.journal import Evaluation

OBJECTIVES = ('error', 'params', 'macs')


def evaluation(index, error, params, macs, **values) -> Evaluation:
    values = dict(status='done', metric=None, latency=None, seconds=1., seed=index) | values
    return Evaluation(generation=0, index=index, genome=(index, 3), error=error, params=params, macs=macs, **values)


@pytest.fixture
def folder(tmp_path):
    record = dict(evaluations=3, hypervolume=0.25, spearman_so_far=None, kendall_so_far=None)
    later = dict(evaluations=4, hypervolume=0.5, spearman_so_far=0.9, kendall_so_far=0.8)
    (tmp_path / 'generations.json').write_text(json.dumps([record, later]))
    return tmp_path


EVALUATIONS = [evaluation(0, 0.5, 2_000_000, 30_000_000), evaluation(1, 0.4, 1_000_000, 20_000_000),
               evaluation(2, None, 3, 3, status='nan', reason='the loss is nan, or infinite'),
               evaluation(3, 0.6, 1_500_000, 10_000_000)]


def test_table_has_every_evaluation_and_marks_the_front(folder):
    report.write_report(EVALUATIONS, OBJECTIVES, folder)
    with open(folder / report.CSV_FILE, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['front'] for row in rows] == ['', 'yes', '', 'yes']  # 1 is better than 0 in all; 3 has fewest multiply-adds
    assert [row['status'] for row in rows] == ['done', 'done', 'nan', 'done']
    assert rows[2]['reason'] == 'the loss is nan, or infinite' and rows[2]['error'] == ''
    assert rows[3]['genome'] == '3 3' and int(rows[3]['macs']) == 10_000_000


def dots(path) -> int:
    """Number of different colours in a picture: grey and white where nothing is drawn."""
    return len(Image.open(path).convert('RGB').getcolors(1 << 24))


def test_pictures_are_drawn(folder):
    report.write_report(EVALUATIONS, OBJECTIVES, folder)
    for name in (report.FRONT_FILE, report.HYPERVOLUME_FILE):
        assert dots(folder / name) > 50


def test_search_without_a_result_has_a_table_alone(folder):
    report.write_report(EVALUATIONS[2:3], OBJECTIVES, folder)
    assert (folder / report.CSV_FILE).exists() and not (folder / report.FRONT_FILE).exists()


def test_what_the_front_picture_is_asked_to_draw(folder, monkeypatch):
    drawn = {}
    scatter = Axes.scatter

    def record(axes, **options):
        drawn[options['label']] = options
        return scatter(axes, **options)

    monkeypatch.setattr(Axes, 'scatter', record)
    report.write_report(EVALUATIONS, OBJECTIVES, folder)
    assert (drawn['front']['x'], drawn['front']['y'], drawn['front']['c']) == ([20, 10], [0.4, 0.6], [1, 1.5])
    assert (drawn['evaluated']['x'], drawn['evaluated']['y']) == ([30], [0.5]) and drawn['evaluated']['alpha'] < 0.5
    assert all(options['vmin'] == 1 and options['vmax'] == 2 for options in drawn.values())
