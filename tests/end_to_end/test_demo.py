"""The demos, as `make demo` and `make demo-seg` run them, shortened."""
import json
from pathlib import Path

import pytest
from facts import missing_facts
from PIL import Image

DEMO = Path(__file__).resolve().parents[2] / 'demo'


@pytest.mark.slow
def test_demo_leaves_metrics_curves_and_pictures(forked_program, tmp_path):
    printed = forked_program(DEMO / 'detection.py', '--out-dir', 'out', '--train', 16, '--test', 4, '--epochs', 1, cwd=tmp_path)
    metrics = json.loads((tmp_path / 'out/metrics.json').read_text())
    assert 0 <= metrics['pascal_voc/mAP'] <= 1 and 'pascal_voc/AP50/cross' in metrics
    assert f'mAP {metrics["pascal_voc/mAP"]:.3f}' in printed
    assert Image.open(tmp_path / 'out/curves.png').size[0] > 500
    pictures = sorted((tmp_path / 'out/pictures').iterdir())
    assert len(pictures) == 4 and all(Image.open(picture).size == (160, 160) for picture in pictures)
    # The end names the files to look at and the next tool.
    assert not missing_facts(printed, 'out/pictures', 'out/curves.png', 'tools/image_demo.py')


@pytest.mark.slow
def test_segmentation(forked_program, tmp_path):
    printed = forked_program(DEMO / 'segmentation.py', '--out-dir', 'out', '--train', 8, '--test', 3, '--iterations', 2,
                             cwd=tmp_path)
    metrics = json.loads((tmp_path / 'out/metrics.json').read_text())
    assert f'mIoU {metrics["mIoU"]:.3f}' in printed and 'IoU/sky' in metrics
    assert len(list((tmp_path / 'out/pictures').iterdir())) == 3 and (tmp_path / 'out/curves.png').is_file()
    assert not missing_facts(printed, 'out/pictures', 'tools/image_demo.py')
