"""Without ftfy, which mmseg imports and does not declare, detection works, and segmentation says why it cannot."""
from pathlib import Path

import mmdet
import pytest

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
PROGRAM = """
import runpy
import sys

sys.modules['ftfy'] = sys.modules['regex'] = None  # as if they were not installed
sys.argv = ['train.py', *sys.argv[1:]]
runpy.run_path({train!r}, run_name='__main__')
assert 'mmseg.models' not in sys.modules
print('trained')

from mmmux.registry import DATASETS
try:
    DATASETS.get('mmmux.SegDataset')
except ImportError as error:
    print(type(error).__name__, error)
sys.argv = ['test.py', {segmentor!r}, __file__]
runpy.run_path({test!r}, run_name='__main__')
"""


@pytest.mark.slow
@pytest.mark.family
def test_detection_trains_and_segmentation_names_what_is_missing(program, config, options, tmp_path):
    pytest.importorskip('mmseg')
    script = tmp_path / 'without_ftfy.py'
    (tmp_path / 'images/validation').mkdir(parents=True)
    (tmp_path / 'annotations/validation').mkdir(parents=True)
    segmentor = tmp_path / 'segmentor.py'
    segmentor.write_text(f"_base_ = '{CONFIGS}/c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'\n"
                         f"test_dataloader = dict(dataset=dict(data_root='{tmp_path}'))\n")
    script.write_text(PROGRAM.format(train=str(Path(mmdet.__file__).parent / '.mim/tools/train.py'), segmentor=str(segmentor),
                                     test=str(CONFIGS.parent / 'tools/test.py')))
    done = program(script, config, '--work-dir', tmp_path / 'work', *options, cwd=tmp_path, status=2)
    assert (tmp_path / 'work/epoch_1.pth').exists() and 'trained' in done.stdout
    named, = (line for line in done.stdout.splitlines() if line.startswith('InstallationError'))
    assert all(word in named for word in ('mmmux.SegDataset', 'mmseg', 'pip install ftfy'))
    *_, last = done.stderr.splitlines()
    assert 'Traceback' not in done.stderr and all(word in last for word in ('error: ', 'mmseg', 'pip install ftfy'))
