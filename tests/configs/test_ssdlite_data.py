"""The configs for PASCAL VOC and COCO on tiny data in the real layouts: read, trained, tested."""
import json
from pathlib import Path

import pytest
import torch

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.engine import run, settings

pytest.importorskip('mmdet')

SSDLITE = Path(__file__).resolve().parents[2] / 'configs/ssdlite'


def train_and_test(config: Path, options: dict, work_dir: Path, iterations: int) -> dict:
    """Train and test as tools/train.py and tools/test.py do, and give back what metrics.json then holds."""
    run.train(settings.load_config(config, options, work_dir))
    checkpoint = (work_dir / 'last_checkpoint').read_text()
    trained = load_checkpoint_file(checkpoint)
    assert (trained['meta']['epoch'], trained['meta']['iter']) == (1, iterations)
    assert all(value.isfinite().all() for value in trained['state_dict'].values() if torch.is_floating_point(value))
    cfg = settings.load_config(config, options, work_dir)
    cfg.load_from = checkpoint
    measured = run.test(cfg)
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    assert metrics == pytest.approx(measured)
    return metrics


def test_voc(voc_devkit, tmp_path):
    from mmdet.datasets import VOCDataset
    config = SSDLITE / 'ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
    options = {'train_dataloader.batch_size': 4, 'train_cfg.max_epochs': 1}
    for dataset in ('train_dataloader.dataset.datasets.0', 'train_dataloader.dataset.datasets.1', 'val_dataloader.dataset',
                    'test_dataloader.dataset'):
        options[f'{dataset}.data_root'] = str(voc_devkit)
    metrics = train_and_test(config, options, tmp_path, iterations=2)  # four pictures of each year
    names = {f'pascal_voc/AP50/{name}' for name in VOCDataset.METAINFO['classes']}
    assert names | {'pascal_voc/mAP', 'pascal_voc/AP50'} == set(metrics)
    assert all(0 <= value <= 1 for value in metrics.values())


def test_voc_with_augmented_testing(voc_devkit, tmp_path):
    """The views of a picture go through the weights of the checkpoint, and their merged boxes lie in the picture."""
    config = SSDLITE / 'ssdlite_mobilenetv2_1xb32-200e_voc0712-320.py'
    cfg = settings.load_config(config, {'test_dataloader.dataset.data_root': str(voc_devkit)}, tmp_path)
    from mmdet.registry import MODELS
    from mmengine.registry import init_default_scope
    init_default_scope('mmdet')
    detector = MODELS.build(cfg.model)
    torch.save(dict(state_dict=detector.state_dict(), meta={}), tmp_path / 'detector.pth')
    cfg.load_from = str(tmp_path / 'detector.pth')
    settings.test_with_augmentation(cfg)
    settings.dump_predictions(cfg, tmp_path / 'predictions.pkl')
    runner = run.build_runner(cfg)
    runner.test()
    for key, value in runner.model.module.state_dict().items():
        assert torch.equal(value.cpu(), detector.state_dict()[key])
    import pickle
    predictions = pickle.loads((tmp_path / 'predictions.pkl').read_bytes())
    assert len(predictions) == 3
    for prediction in predictions:
        boxes = prediction['pred_instances']['bboxes']
        assert len(boxes) and (boxes >= -1e-3).all() and (boxes <= 96 + 1e-3).all()


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
