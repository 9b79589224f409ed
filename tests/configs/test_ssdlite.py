import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

SSDLITE = Path(__file__).resolve().parents[2] / 'configs/ssdlite'
CONFIGS = sorted(path for path in SSDLITE.glob('*.py') if not path.stem.endswith('_custom'))
# Sides of the feature maps: halved by each level, rounded up.
LEVELS = {'voc0712-320': [20, 10, 5, 3, 2, 1], 'voc0712-300': [19, 10, 5, 3, 2, 1], 'coco-320': [20, 10, 5, 3, 2, 1],
          'bccd-320': [40, 20, 10, 5, 3, 2], 'shapes-160': [20, 10, 5, 3]}
CLASSES = {'voc0712': 20, 'coco': 80, 'bccd': 3, 'shapes': 4}


def data_of(path: Path) -> str:
    return path.stem.rpartition('_')[2]


def size_of(path: Path) -> int:
    return int(path.stem.rpartition('-')[2])


def found(node, wanted: str) -> list[dict]:
    """Every dict of a type, at any depth."""
    if isinstance(node, dict):
        here = [node] if str(node.get('type', '')).endswith(wanted) else []
        return here + [inner for value in node.values() for inner in found(value, wanted)]
    return [inner for value in node for inner in found(value, wanted)] if isinstance(node, (list, tuple)) else []


@pytest.fixture(params=CONFIGS, ids=[path.stem for path in CONFIGS])
def path(request):
    return request.param


def test_trains_and_predicts_at_its_own_size(path, batch):
    from mmdet.registry import MODELS
    init_default_scope('mmdet')
    size, classes = size_of(path), CLASSES[data_of(path).split('-')[0]]
    detector = MODELS.build(Config.fromfile(path).model)
    detector.init_weights()
    data = batch((size, size), classes)

    prepared = detector.data_preprocessor(data, True)
    losses = detector.loss(prepared['inputs'], prepared['data_samples'])
    loss = sum(sum(value) for value in losses.values())
    loss.backward()
    assert set(losses) == {'loss_cls', 'loss_bbox'} and loss.isfinite()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in detector.parameters())

    detector.eval()
    with torch.no_grad():
        features = detector.extract_feat(torch.zeros(1, 3, size, size))
        scores, boxes = detector.bbox_head(features)
        for sample in detector.test_step(data):
            detections = sample.pred_instances
            assert (detections.bboxes >= 0).all() and (detections.bboxes <= size).all()
            assert (detections.labels < classes).all() and (detections.scores <= 1).all()
    assert [feature.shape[2:] for feature in features] == [(side, side) for side in LEVELS[data_of(path)]]
    # A score for each class and the background, and four numbers, at each anchor.
    anchors = detector.bbox_head.prior_generator.num_base_priors
    assert [score.shape[1] for score in scores] == [number * (classes + 1) for number in anchors]
    assert [box.shape[1] for box in boxes] == [number * 4 for number in anchors]


def test_strides_are_those_of_the_feature_maps(path):
    strides = Config.fromfile(path).model.bbox_head.anchor_generator.strides
    sides = LEVELS[data_of(path)]
    assert [-(-size_of(path) // stride) for stride in strides] == sides
    # An anchor grid must not run out of the picture: its last centre is not beyond the border.
    assert all((side - 0.5) * stride <= size_of(path) for side, stride in zip(sides, strides))


def test_name_tells_sizes_classes_epochs_and_batch(path):
    from mmdet.registry import DATASETS
    cfg = Config.fromfile(path)
    size, name = size_of(path), re.fullmatch(r'ssdlite_[\w-]+?_(\d)xb(\d+)-(\d+)e_(\w+)-\d+', path.stem)
    resizes = found([cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader, cfg.get('tta_pipeline', [])], 'Resize')
    assert resizes and all(tuple(resize['scale']) == (size, size) and not resize['keep_ratio'] for resize in resizes)
    rounds = found(cfg.train_dataloader, 'RepeatDataset')[0].times if data_of(path).startswith('coco') else 1
    assert cfg.train_dataloader.batch_size == int(name[2]) and cfg.train_cfg.max_epochs * rounds == int(name[3])
    cosine = cfg.param_scheduler[1]
    assert cosine.T_max == cosine.end == cfg.train_cfg.max_epochs
    init_default_scope('mmdet')
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        for dataset in found(loader, 'VOCDataset') + found(loader, 'CocoDataset'):
            built = DATASETS.build(dict(dataset, lazy_init=True))  # builds the pipeline, reads no files
            assert len(built.metainfo['classes']) == cfg.model.bbox_head.num_classes == CLASSES[name[4]]
    assert all(dataset.test_mode for loader in (cfg.val_dataloader, cfg.test_dataloader) for dataset in [loader.dataset])


def test_stable_from_random_weights(path):
    cfg = Config.fromfile(path)
    assert cfg.optim_wrapper.clip_grad.max_norm == 10
    warm_up = cfg.param_scheduler[0]
    assert warm_up.type == 'LinearLR' and not warm_up.by_epoch and warm_up.start_factor <= 0.01 and warm_up.end >= 50


def recipe(path: Path) -> dict:
    """Return a config without its backbone and the numbers of the backbone's channels."""
    cfg = Config.fromfile(path).to_dict()
    del cfg['model']['backbone']
    for part in ('neck', 'bbox_head'):
        cfg['model'][part]['in_channels'] = cfg['model'][part]['in_channels'][3:]
    cfg['model']['neck']['out_channels'] = cfg['model']['neck']['out_channels'][3:]
    return cfg


@pytest.mark.parametrize('baseline,ours', [
    (baseline, ours) for baseline in CONFIGS if 'mobilenetv2' in baseline.name
    for ours in CONFIGS if 'muxnet' in ours.name and ours.name.split('_')[2:] == baseline.name.split('_')[2:]],
    ids=lambda path: path.stem)
def test_comparison_is_fair(baseline, ours):
    """Same data, augmentation, schedule, seed, neck, head and anchors: only the backbone and its channels differ."""
    assert recipe(baseline) == recipe(ours)
    ours, baseline = (Config.fromfile(path).model.backbone for path in (ours, baseline))
    assert 'Pretrained' not in str([ours.get('init_cfg'), baseline.get('init_cfg')])  # both from random weights


def test_every_data_set_has_a_baseline():
    compared = {data_of(path) for path in CONFIGS if 'mobilenetv2' in path.name}
    assert compared == {'voc0712-320', 'bccd-320', 'coco-320'}


def test_levels_are_the_papers_strides():
    """Features at stride 16 and the head convolution at stride 32 (FACTS, section 6)."""
    for name, channels in (('muxnet-m', (112, 1280)), ('mobilenetv2', (96, 1280))):
        (path, ) = SSDLITE.glob(f'ssdlite_{name}_*_voc0712-320.py')
        assert tuple(Config.fromfile(path).model.neck.in_channels) == channels
