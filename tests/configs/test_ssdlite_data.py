"""The config for COCO on tiny data in the real layout: read, trained, tested."""
import json
from pathlib import Path

import pytest
import torch

from mmmux.apis import runs
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.config import load_config

SSDLITE = Path(__file__).resolve().parents[2] / 'configs/ssdlite'


def train_and_test(config: Path, options: dict, work_dir: Path, iterations: int) -> dict:
    """Train and test as tools/train.py and tools/test.py do, and give back what metrics.json then holds."""
    runs.train(load_config(config, options, work_dir))
    checkpoint = (work_dir / 'last_checkpoint').read_text()
    trained = load_checkpoint_file(checkpoint)
    assert (trained['meta']['epoch'], trained['meta']['iter']) == (1, iterations)
    assert all(value.isfinite().all() for value in trained['state_dict'].values() if torch.is_floating_point(value))
    cfg = load_config(config, options, work_dir)
    cfg.load_from = checkpoint
    measured = runs.test(cfg)
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    assert metrics.pop('coco/absent', []) == measured.pop('coco/absent', [])
    assert metrics == pytest.approx(measured)
    return metrics


@pytest.mark.slow
def test_coco(coco, tmp_path):
    config = SSDLITE / 'ssdlite_muxnet-m_8xb24-600e_coco-320.py'
    options = {'train_dataloader.batch_size': 5, 'train_cfg.max_epochs': 1, 'model.test_cfg.score_thr': 0.,
               'train_dataloader.dataset.dataset.data_root': str(coco)}
    for part in ('val', 'test'):
        options[f'{part}_dataloader.dataset.data_root'] = str(coco)
        options[f'{part}_evaluator.ann_file'] = str(coco / 'annotations/instances_val2017.json')
    # Six pictures less the one without an object, five rounds of them.
    metrics = train_and_test(config, options, tmp_path, iterations=5)
    assert 0 <= metrics['coco/bbox_mAP'] <= 1 and {'coco/bbox_mAP_50', 'coco/bbox_mAP_s'} <= set(metrics)
