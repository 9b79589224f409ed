"""The config for Cityscapes on a picture in its layout."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from label_blocks import answer_in_place_of_the_network, mostly_right, write_blocks
from metric_reference import segmentation_metrics
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).resolve().parents[2] / 'configs/ppm/ppm_muxnet-m-d8_4xb2-80k_cityscapes-512x1024.py'


def test_several_scales_and_mirrored(tool, in_this_process, monkeypatch, tmp_path):
    from mmseg.datasets import CityscapesDataset
    from mmseg.registry import MODELS
    classes = CityscapesDataset.METAINFO['classes']
    numbers = np.random.default_rng(0).permutation(np.arange(128) % 20).reshape(8, 16)
    labelled = tmp_path / 'data/cityscapes/gtFine/val/ulm/ulm_000007_000019_gtFine_labelTrainIds.png'
    write_blocks(tmp_path / 'data/cityscapes/leftImg8bit/val/ulm/ulm_000007_000019_leftImg8bit.png', labelled,
                 np.where(numbers == 19, 255, numbers))  # 255 is ignored
    init_default_scope('mmseg')
    torch.save(dict(state_dict=MODELS.build(Config.fromfile(CONFIG).model).state_dict()), tmp_path / 'untrained.pth')

    monkeypatch.chdir(tmp_path)
    views = answer_in_place_of_the_network(monkeypatch, len(classes))
    tool('test.py', CONFIG, 'untrained.pth', '--tta', '--work-dir', 'tested', '--out', 'maps', '--cfg-options',
         *in_this_process)
    assert sorted(views) == [
        (height, 2 * height, mirrored) for height in (32, 48, 64, 80, 96, 112) for mirrored in (False, True)]
    found, labels = (np.asarray(Image.open(path)) for path in ('maps/ulm/ulm_000007_000019_leftImg8bit.png', labelled))
    metrics = json.loads(Path('tested/metrics.json').read_text())
    assert metrics == pytest.approx(segmentation_metrics([(found, labels)], classes), abs=0.01)
    assert 30 < metrics['mIoU'] < 80 and (found == mostly_right(labelled, len(classes), first=0)).mean() > 0.9
