import json
from pathlib import Path

import pytest
from facts import raises
from matplotlib.figure import Figure
from PIL import Image

from mmmux.analysis.curves import Curves, plot_curves, read_curves
from mmmux.utils.errors import DatasetError


def write(work_dir: Path, run: str, rows: list[dict]) -> None:
    """Write a log as mmengine's LocalVisBackend does: one JSON object per line, in the folder of the run's time stamp."""
    folder = work_dir / run / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(row) + '\n' for row in rows))


def train(epoch: int, iteration: int, loss: float) -> dict:
    return dict(lr=0.1, data_time=0.01, loss=loss, loss_cls=loss / 2, time=0.2, epoch=epoch, iter=iteration, step=iteration)


def val(epoch: int, score: float) -> dict:
    return {'pascal_voc/mAP': score, 'data_time': 0.01, 'time': 0.1, 'step': epoch}


def iteration(number: int, loss: float) -> dict:
    """Return a row of a training with `by_epoch=False`, which has no epoch."""
    return {key: value for key, value in train(0, number, loss).items() if key != 'epoch'}


def miou(number: int, score: float) -> dict:
    return {'aAcc': score + 9, 'mIoU': score, 'IoU/sky': score + 1, 'data_time': 0.01, 'time': 0.1, 'step': number}


def test_losses_at_fractions_of_epochs_and_scores_at_whole_ones(tmp_path):
    write(tmp_path, '20260101_000000', [
        train(1, 5, 4.), train(1, 10, 3.), val(1, .2), train(2, 15, 2.), train(2, 20, 1.), val(2, .5)])
    curves = read_curves(tmp_path)
    assert curves.train['loss'] == [(0.5, 4.), (1., 3.), (1.5, 2.), (2., 1.)]
    assert curves.val['pascal_voc/mAP'] == [(1, .2), (2, .5)]
    assert 'loss' not in curves.val and 'pascal_voc/mAP' not in curves.train


def test_resumed_run_continues_the_first(tmp_path):
    write(tmp_path, '20260102_000000', [train(2, 20, 1.), val(2, .5)])
    write(tmp_path, '20260101_235959', [train(1, 10, 3.), val(1, .2)])
    curves = read_curves(tmp_path)
    assert curves.train['loss'] == [(1., 3.), (2., 1.)] and curves.val['pascal_voc/mAP'] == [(1, .2), (2, .5)]


@pytest.mark.parametrize('begin', [10, 30])
def test_run_that_repeats_iterations_replaces_them(tmp_path, begin):
    """By iterations; the second run starts anew, or after iteration 20."""
    write(tmp_path, '20260101_000000', [row for i in (10, 20, 30, 40) for row in (iteration(i, 4.), miou(i, 30.))])
    write(tmp_path, '20260102_000000', [row for i in range(begin, 50, 10) for row in (iteration(i, 2.), miou(i, 60.))])
    curves = read_curves(tmp_path)
    assert curves.train['loss'] == [(i, 4. if i < begin else 2.) for i in (10, 20, 30, 40)]
    assert curves.val['mIoU'] == [(i, 30. if i < begin else 60.) for i in (10, 20, 30, 40)]


def test_training_by_iterations(tmp_path):
    write(tmp_path, '20260101_000000', [iteration(50, 4.), iteration(100, 3.), miou(100, 20.), iteration(150, 2.)])
    curves = read_curves(tmp_path)
    assert (curves.unit, curves.iterations_per_epoch) == ('iteration', 1)
    assert curves.train['loss'] == [(50, 4.), (100, 3.), (150, 2.)]
    assert curves.val['mIoU'] == [(100, 20.)] and 'mIoU' not in curves.train
    write(tmp_path, '20260102_000000', [train(1, 5, 4.)])
    assert read_curves(tmp_path).unit == 'epoch'


def test_without_a_log(tmp_path):
    with raises(DatasetError, tmp_path, '*/vis_data/scalars.json'):
        read_curves(tmp_path)


def test_plot_shows_every_run(tmp_path):
    """Each further run adds its own colour."""
    runs = {}
    colours = []
    for name in ('first', 'second'):
        runs[name] = Curves(dict(loss=[(0., 4.), (1., len(runs) + 1.)]), {'pascal_voc/mAP': [(1, .3 + .2 * len(runs))]})
        plot_curves(runs, 'pascal_voc/mAP', tmp_path / f'{name}.png')
        with Image.open(tmp_path / f'{name}.png') as image:
            pixels = image.convert('RGB').getcolors(1 << 24)
        colours.append({colour for count, colour in pixels if count > 100 and max(colour) - min(colour) > 60})
    assert colours[0] < colours[1]


@pytest.mark.parametrize('metric,scores,unit,top', [
    ('mIoU', (.6, 63.), 'iteration', (63., 100.)), ('a/mAP', (.2, .5), 'epoch', (1., 1.))])
def test_plot_has_room_for_fractions_and_for_percent(tmp_path, monkeypatch, metric, scores, unit, top):
    drawn = []
    with monkeypatch.context() as patch:
        patch.setattr(Figure, 'savefig', lambda figure, *_, **__: drawn.append(figure))
        curves = Curves(dict(loss=[(50, 4.), (100, 2.)]), {metric: [(50, scores[0]), (100, scores[1])]}, unit=unit)
        plot_curves({'run': curves}, metric, tmp_path / 'curves.png')
    left, right = drawn[0].axes
    (line, ) = right.lines
    assert line.get_xydata().tolist() == [[50, scores[0]], [100, scores[1]]]
    assert right.get_ylim()[0] == 0 and top[0] <= right.get_ylim()[1] <= top[1]
    assert left.get_xlabel() == right.get_xlabel() == unit and right.get_ylabel() == metric[-4:].strip('/')
