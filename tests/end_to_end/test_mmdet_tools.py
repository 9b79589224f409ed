"""Our configs and backbone under mmdet's own programs and data sets."""
from pathlib import Path

import mmdet
import pytest

from mmmux.checkpoints.safe_loading import load_checkpoint_file

pytestmark = pytest.mark.slow


def test_mmdets_train_and_test_run_our_config(forked_program, config, options, tmp_path):
    tools = Path(mmdet.__file__).parent / '.mim/tools'
    forked_program(tools / 'train.py', config, '--work-dir', tmp_path, *options, cwd=tmp_path)
    assert load_checkpoint_file(tmp_path / 'epoch_1.pth')['meta']['iter'] == 2
    # mmdet reads the checkpoint that it wrote; mmengine alone refuses it with torch 2.6 and later.
    printed = forked_program(tools / 'test.py', config, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path / 'test', *options,
                             cwd=tmp_path)
    assert 'pascal_voc/mAP' in printed and '| triangle |' in printed and 'aeroplane' not in printed


def test_mmdets_data_set_and_metric_with_our_backbone(tool, config, options, tmp_path):
    stock = [f'{loader}.dataset.type=mmdet.VOCDataset' for loader in ('train_dataloader', 'val_dataloader')]
    tool('train.py', config, '--work-dir', tmp_path, *options, *stock, 'val_evaluator.type=VOCMetric',
         'train_dataloader.dataset.pipeline.0.type=LoadImageFromFile')
    assert load_checkpoint_file(tmp_path / 'epoch_1.pth')['meta']['iter'] == 2
