"""Annotations that turn other SSDs into NaN."""
import re

import pytest
import torch

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.datasets.drawn_shapes import draw_data_set

pytestmark = pytest.mark.slow

CELLS = dict(circle='RBC', cross='RBC', square='WBC', triangle='Platelets')
# xmin, ymin, xmax, ymax; in float32 the second one has no width.
THIN = ['20 20 20 60', '20 20 20.0000001 60', '20 20 20.02 60', '20 20 20.02 20.02']


@pytest.fixture
def cells(tmp_path):
    """Eight pictures with the classes of bccd: thin boxes in four of them, none in the next two."""
    data = draw_data_set(tmp_path / 'data', train=8, test=2, size=96)
    for number, path in enumerate(sorted((data / 'VOC2007/Annotations').glob('*.xml'))):
        text = re.sub('<name>(.*?)</name>', lambda match: f'<name>{CELLS[match[1]]}</name>', path.read_text())
        if number < len(THIN):
            sides = zip(('xmin', 'ymin', 'xmax', 'ymax'), THIN[number].split())
            corners = ''.join(f'<{side}>{value}</{side}>' for side, value in sides)
            text = text.replace('</annotation>', f'<object><name>RBC</name><bndbox>{corners}</bndbox></object></annotation>')
        elif number < len(THIN) + 2:
            text = '<annotation></annotation>'
        path.write_text(text)
    return data


def test_boxes_of_almost_no_area_and_pictures_without_boxes(tool, config, cells, tmp_path):
    """Batches of 2 pictures in order consist of such pictures only, and the learning rate has no warm-up."""
    bccd = config.parent / 'ssdlite_muxnet-m_1xb8-40e_bccd-320.py'
    loaders = [f'{loader}.{option}' for loader in ('train_dataloader', 'val_dataloader')
               for option in (f'dataset.data_root={cells}', 'num_workers=0', 'persistent_workers=False')]
    tool('train.py', bccd, '--work-dir', tmp_path / 'work', '--cfg-options', *loaders, 'train_dataloader.batch_size=2',
         'train_dataloader.sampler.shuffle=False', 'train_dataloader.dataset.filter_cfg.filter_empty_gt=False',
         'train_cfg.max_epochs=1', 'param_scheduler.0.start_factor=1.0', 'default_hooks.logger.interval=1')
    checkpoint = load_checkpoint_file(tmp_path / 'work/epoch_1.pth')
    assert checkpoint['meta']['iter'] == 4
    assert all(value.isfinite().all() for value in checkpoint['state_dict'].values() if torch.is_floating_point(value))
    (scalars, ) = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    assert 'NaN' not in scalars.read_text() and 'Infinity' not in scalars.read_text()
