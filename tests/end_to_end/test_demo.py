import json

import pytest
from PIL import Image

pytest.importorskip('mmdet')
pytestmark = pytest.mark.slow


def test_demo_leaves_metrics_curves_and_pictures(program, config, tmp_path):
    demo = config.parents[2] / 'demo/detection.py'
    done = program(demo, '--out-dir', 'out', '--train', 16, '--test', 4, '--epochs', 1, cwd=tmp_path)
    metrics = json.loads((tmp_path / 'out/metrics.json').read_text())
    assert 0 <= metrics['pascal_voc/mAP'] <= 1 and 'pascal_voc/AP50/cross' in metrics
    assert f'mAP {metrics["pascal_voc/mAP"]:.3f}' in done.stdout
    assert Image.open(tmp_path / 'out/curves.png').size[0] > 500
    pictures = sorted((tmp_path / 'out/pictures').iterdir())
    assert len(pictures) == 4 and all(Image.open(picture).size == (160, 160) for picture in pictures)
    # It tells where to look and what comes next.
    assert all(word in done.stdout for word in ('Look at', 'out/pictures', 'out/curves.png', 'tools/image_demo.py'))
