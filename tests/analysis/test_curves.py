import json
from pathlib import Path

import pytest
from PIL import Image

from mmmux.analysis.curves import Curves, plot_curves, read_curves
from mmmux.errors import DatasetError


def write(work_dir: Path, run: str, rows: list[dict]) -> None:
    """As mmengine's LocalVisBackend does: one JSON object a line, below the time stamp of the run."""
    folder = work_dir / run / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(row) + '\n' for row in rows))


def train(epoch: int, iteration: int, loss: float) -> dict:
    return dict(lr=0.1, data_time=0.01, loss=loss, loss_cls=loss / 2, time=0.2, epoch=epoch, iter=iteration, step=iteration)


def val(epoch: int, score: float) -> dict:
    return {'pascal_voc/mAP': score, 'data_time': 0.01, 'time': 0.1, 'step': epoch}


def test_losses_at_fractions_of_epochs_and_scores_at_whole_ones(tmp_path):
    write(tmp_path, '20260101_000000', [
        train(1, 5, 4.), train(1, 10, 3.), val(1, .2), train(2, 15, 2.), train(2, 20, 1.), val(2, .5)])
    curves = read_curves(tmp_path)
    assert curves.train['loss'] == [(0.5, 4.), (1., 3.), (1.5, 2.), (2., 1.)]
    assert curves.val['pascal_voc/mAP'] == [(1, .2), (2, .5)]
    assert 'loss' not in curves.val and 'pascal_voc/mAP' not in curves.train


def test_resumed_run_goes_on_where_the_first_ended(tmp_path):
    write(tmp_path, '20260102_000000', [train(2, 20, 1.), val(2, .5)])
    write(tmp_path, '20260101_235959', [train(1, 10, 3.), val(1, .2)])
    curves = read_curves(tmp_path)
    assert curves.train['loss'] == [(1., 3.), (2., 1.)] and curves.val['pascal_voc/mAP'] == [(1, .2), (2, .5)]


def test_without_a_log(tmp_path):
    with pytest.raises(DatasetError, match=f'{tmp_path} holds no training log'):
        read_curves(tmp_path)


def test_plot_shows_every_run(tmp_path):
    """Each run more adds a colour of its own."""
    runs = {}
    colours = []
    for name in ('first', 'second'):
        runs[name] = Curves(dict(loss=[(0., 4.), (1., len(runs) + 1.)]), {'pascal_voc/mAP': [(1, .3 + .2 * len(runs))]})
        plot_curves(runs, 'pascal_voc/mAP', tmp_path / f'{name}.png')
        with Image.open(tmp_path / f'{name}.png') as image:
            pixels = image.convert('RGB').getcolors(1 << 24)
        colours.append({colour for count, colour in pixels if count > 100 and max(colour) - min(colour) > 60})
    assert colours[0] < colours[1]
