"""The paper's segmentors from the data in ADE20K's layout to their mIoU, with the configs of the published figures."""
import json
from pathlib import Path

import numpy as np
import pytest
from label_blocks import answer_in_place_of_the_network, mostly_right, write_blocks
from metric_reference import read_label_maps, segmentation_metrics
from PIL import Image

from mmmux.checkpoints.safe_loading import load_checkpoint_file

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
DATA = 'data/ade/ADEChallengeData2016'  # where the configs look, from the folder that a tool is run in
LABELS = f'{DATA}/annotations/validation'


def write_ade20k(folder: Path, train: int, val: int) -> None:
    """Each label map holds all 150 classes, and 0 for other things; some pictures are upright, some are wide."""
    rng = np.random.default_rng(0)
    for split, name, count in (('training', 'train', train), ('validation', 'val', val)):
        for number in range(1, count + 1):
            numbers = rng.permutation(np.arange(156) % 151).reshape((12, 13) if number % 2 else (13, 12))
            write_blocks(folder / f'{DATA}/images/{split}/ADE_{name}_{number:08d}.jpg',
                         folder / f'{DATA}/annotations/{split}/ADE_{name}_{number:08d}.png', numbers)


def classes() -> tuple[str, ...]:
    from mmseg.datasets import ADE20KDataset
    return ADE20KDataset.METAINFO['classes']


@pytest.fixture(scope='module', params=['c1', pytest.param('ppm', marks=pytest.mark.nightly)])
def trained(request, tool_in, in_this_process, tmp_path_factory):
    """Config, folder with the data, and options, after two iterations with tools/train.py.

    Pictures have one of the two smallest sizes of the recipe, which spares time. Normalisation takes the last batch's
    statistics: a tenth of them would leave a network to which all pictures look alike.
    """
    config = CONFIGS / f'{request.param}/{request.param}_muxnet-m-d8_8xb2-100k_ade20k-300to600.py'
    folder = tmp_path_factory.mktemp('ade20k')
    write_ade20k(folder, train=4, val=2)
    options = ['--cfg-options', *in_this_process]
    tool_in(folder, 'train.py', config, '--work-dir', 'work', *options, 'train_cfg.max_iters=2',
            'train_dataloader.dataset.pipeline.2.scales=[300,375]', 'model.backbone.norm_cfg.momentum=1.')
    return config, folder, options


def test_trained_saved_and_tested(trained, tool, monkeypatch, tmp_path):
    config, folder, options = trained
    checkpoint = load_checkpoint_file(folder / 'work/iter_2.pth')
    assert checkpoint['meta']['iter'] == 2 and tuple(checkpoint['meta']['dataset_meta']['classes']) == classes()
    monkeypatch.chdir(folder)
    tool('test.py', config, 'work/iter_2.pth', '--work-dir', tmp_path, '--out', tmp_path / 'maps', *options)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    expected = segmentation_metrics(read_label_maps(tmp_path / 'maps', folder / LABELS), classes(), first=1)
    assert metrics == pytest.approx(expected, abs=0.01)
    assert len(metrics) == 150 + 3 and max(metrics.values()) > 0
    # The weights of the file are those that were in memory when training ended with an evaluation.
    (scalars, ) = (folder / 'work').glob('*/vis_data/scalars.json')
    at_the_end = json.loads(scalars.read_text().splitlines()[-1])
    assert {name: at_the_end[name] for name in metrics} == pytest.approx(metrics, abs=0.01)


def test_miou_of_answers_that_are_partly_right(trained, tool, monkeypatch, tmp_path):
    """A network of two iterations finds so little that a wrong metric could give the same values."""
    config, folder, options = trained
    monkeypatch.chdir(folder)
    views = answer_in_place_of_the_network(monkeypatch, classes=150, first=1)
    tool('test.py', config, 'work/iter_2.pth', '--work-dir', tmp_path, '--out', tmp_path / 'maps', *options)
    assert sorted(views) == [(450, 488, False), (488, 450, False)]  # the shorter edge is 450
    maps = read_label_maps(tmp_path / 'maps', folder / LABELS)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics == pytest.approx(segmentation_metrics(maps, classes(), first=1), abs=0.01)
    assert 30 < metrics['mIoU'] < metrics['mAcc'] < 80 and len({round(value) for value in metrics.values()}) > 5
    for path in (folder / LABELS).iterdir():
        found, given = np.asarray(Image.open(tmp_path / 'maps' / path.name)), mostly_right(path, classes=150, first=1) + 1
        assert (found == given).mean() > 0.9  # borders of blocks move on the way to the size of the network and back


@pytest.mark.nightly
@pytest.mark.parametrize('trained', ['c1'], indirect=True)
def test_standard_recipe_at_several_scales_and_mirrored(trained, tool, monkeypatch, tmp_path):
    _, folder, options = trained
    write_ade20k(tmp_path, train=0, val=1)
    monkeypatch.chdir(tmp_path)
    views = answer_in_place_of_the_network(monkeypatch, classes=150, first=1)
    tool('test.py', CONFIGS / 'c1/c1_muxnet-m-d8_4xb4-160k_ade20k-512x512.py', folder / 'work/iter_2.pth', '--tta',
         '--work-dir', 'tested', '--out', 'maps', *options)
    heights = [round(512 * ratio) for ratio in (0.5, 0.75, 1, 1.25, 1.5, 1.75)]
    assert sorted((height, mirrored) for height, _, mirrored in views) == [
        (height, mirrored) for height in heights for mirrored in (False, True)]
    ((found, _), ) = maps = read_label_maps(tmp_path / 'maps', tmp_path / LABELS)
    metrics = json.loads((tmp_path / 'tested/metrics.json').read_text())
    assert metrics == pytest.approx(segmentation_metrics(maps, classes(), first=1), abs=0.01)
    # A mirrored view that is not mirrored back would outvote half of the answer.
    assert (found == mostly_right(tmp_path / LABELS / 'ADE_val_00000001.png', classes=150, first=1) + 1).mean() > 0.9
