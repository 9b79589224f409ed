import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = sorted(path for name in ('c1', 'ppm') for path in (ROOT / name).glob('*.py') if not path.stem.endswith('_custom'))
CLASSES = {'ade20k': 150, 'cityscapes': 19, 'camvid': 11, 'scenes': 6}
NAME = re.compile(r'(c1|ppm)_(muxnet-m|muxnet-l|mobilenetv2)-d8_(\d)xb(\d+)-(\d+)(k|it)_(\w+)-(\w+)')
# FACTS: the last stage has 200 channels; stage 4 has 112 or 120.
CHANNELS = {'muxnet-m': (112, 200), 'muxnet-l': (120, 200), 'mobilenetv2': (96, 320)}


@pytest.fixture(params=CONFIGS, ids=[path.stem for path in CONFIGS])
def path(request):
    return request.param


def transforms(pipeline, kind: str) -> list[dict]:
    return [step for step in pipeline if step['type'].endswith(kind)]


def build(cfg: Config):
    from mmseg.registry import MODELS
    init_default_scope('mmseg')
    for part in (cfg.model.backbone, cfg.model.decode_head, cfg.model.auxiliary_head):
        part.norm_cfg = dict(type='BN')
    return MODELS.build(cfg.model)


def test_trains_and_predicts(path, seg_batch):
    """Forward, loss and backward on a small picture; every class can be predicted at the picture's own size."""
    cfg = Config.fromfile(path)
    name = NAME.fullmatch(path.stem)
    cfg.model.data_preprocessor.update(size=None, size_divisor=8)
    segmentor = build(cfg)
    segmentor.init_weights()
    classes = CLASSES[name[7]]
    data = segmentor.data_preprocessor(seg_batch((64, 72), classes), True)
    losses = segmentor.loss(data['inputs'], data['data_samples'])
    assert {key for key in losses if 'loss' in key} == {'decode.loss_ce', 'aux.loss_ce'}
    (losses['decode.loss_ce'] + losses['aux.loss_ce']).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in segmentor.parameters())
    segmentor.eval()
    with torch.no_grad():
        features = segmentor.extract_feat(torch.zeros(1, 3, 64, 72))
        sample = segmentor.test_step(seg_batch((64, 72), classes, pictures=1))[0]
    assert [tuple(feature.shape[1:]) for feature in features] == [(width, 8, 9) for width in CHANNELS[name[2]]]
    assert sample.seg_logits.data.shape == (classes, 64, 72) and sample.pred_sem_seg.data.shape == (1, 64, 72)


def test_decoders_are_the_papers(path):
    cfg, name = Config.fromfile(path).model, NAME.fullmatch(path.stem)
    stage4, last = CHANNELS[name[2]]
    aux, decoder = cfg.auxiliary_head, cfg.decode_head
    assert (decoder.in_channels, aux.in_channels) == (last, stage4)
    assert (decoder.loss_decode.loss_weight, aux.loss_decode.loss_weight) == (1, 0.4)
    assert (aux.type, aux.num_convs, aux.concat_input, aux.channels) == ('FCNHead', 1, False, last // 4)
    if name[1] == 'c1':
        assert (decoder.type, decoder.num_convs, decoder.get('kernel_size', 3)) == ('FCNHead', 1, 3)
        assert not decoder.concat_input
        assert decoder.channels == last // 4
    else:
        assert decoder.type == 'PSPHead' and tuple(decoder.pool_scales) == (1, 2, 3, 6)


def test_name_tells_batch_length_classes_and_size(path):
    from mmseg.registry import DATASETS
    cfg, name = Config.fromfile(path), NAME.fullmatch(path.stem)
    iterations = int(name[5]) * (1000 if name[6] == 'k' else 1)
    assert cfg.train_dataloader.batch_size == int(name[4])
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[-1].end == iterations
    assert cfg.auto_scale_lr.base_batch_size == int(name[3]) * int(name[4])
    if 'x' in name[8]:
        size = tuple(int(side) for side in name[8].split('x'))
        assert tuple(cfg.model.data_preprocessor.size) == size
        crops = transforms(cfg.train_dataloader.dataset.pipeline, 'RandomCrop')
        assert all(tuple(crop.crop_size) == size for crop in crops)
    init_default_scope('mmseg')
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        dataset = DATASETS.build(dict(loader.dataset, lazy_init=True))  # builds the pipeline, reads no files
        heads = cfg.model.decode_head, cfg.model.auxiliary_head
        assert {len(dataset.metainfo['classes']), *(head.num_classes for head in heads)} == {CLASSES[name[7]]}
    assert cfg.val_dataloader.dataset.test_mode and cfg.test_dataloader.dataset.test_mode


def test_the_papers_recipe():
    """SGD 0.02, momentum 0.9, decay 1e-4, power 0.9, 20 x 5000 iterations, short edge 300 to 600, at most 1000, flips."""
    for path in CONFIGS:
        if '100k' not in path.name:
            continue
        cfg = Config.fromfile(path)
        assert cfg.optim_wrapper.optimizer.to_dict() == dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4)
        (poly, ) = cfg.param_scheduler
        assert (poly.type, poly.power, poly.eta_min, poly.end) == ('PolyLR', 0.9, 0, 20 * 5000)
        (resize, ) = transforms(cfg.train_dataloader.dataset.pipeline, 'RandomChoiceResize')
        assert (min(resize.scales), max(resize.scales), resize.max_size) == (300, 600, 1000)
        assert transforms(cfg.train_dataloader.dataset.pipeline, 'RandomFlip')
        assert not transforms(cfg.train_dataloader.dataset.pipeline, 'RandomCrop')
        (test, ) = transforms(cfg.test_dataloader.dataset.pipeline, 'ResizeShortestEdge')
        scales = [step.scale for step in cfg.tta_pipeline[1].transforms[0]]
        assert test.scale in scales and len(scales) == 5 and len(cfg.tta_pipeline[1].transforms[1]) == 2


def test_the_standard_recipe_is_mmsegs():
    """The optimiser, schedule and pipelines of mmseg's own 160k configs."""
    import mmseg
    stock = Path(mmseg.__file__).parent / '.mim/configs/_base_'
    schedule = Config.fromfile(stock / 'schedules/schedule_160k.py')
    data = Config.fromfile(stock / 'datasets/ade20k.py')
    cfg = Config.fromfile(ROOT / 'c1/c1_muxnet-m-d8_4xb4-160k_ade20k-512x512.py')
    assert cfg.optim_wrapper.optimizer == schedule.optim_wrapper.optimizer and cfg.param_scheduler == schedule.param_scheduler
    assert cfg.train_cfg.max_iters == schedule.train_cfg.max_iters
    for ours, theirs in ((cfg.train_dataloader, data.train_dataloader), (cfg.val_dataloader, data.val_dataloader)):
        assert ours.batch_size == theirs.batch_size and ours.dataset.data_prefix == theirs.dataset.data_prefix
        own, other = ([step for step in loader.dataset.pipeline if 'Load' not in step['type']] for loader in (ours, theirs))
        assert own == other


@pytest.mark.parametrize('baseline,ours', [
    (baseline, ours) for baseline in CONFIGS if 'mobilenetv2' in baseline.name
    for ours in CONFIGS if 'muxnet' in ours.name and ours.name.split('_')[2:] == baseline.name.split('_')[2:]
    and ours.parent == baseline.parent], ids=lambda path: path.stem)
def test_comparison_is_fair(baseline, ours):
    """Same data, augmentation, schedule, seed and decoders: only the backbone and the widths that follow from it differ."""
    recipes = []
    for path in (baseline, ours):
        cfg = Config.fromfile(path).to_dict()
        backbone = cfg['model'].pop('backbone')
        assert 'Pretrained' not in str(backbone)  # from random weights
        for head in ('decode_head', 'auxiliary_head'):
            cfg['model'][head].pop('in_channels')
            if cfg['model'][head]['type'] == 'FCNHead':
                cfg['model'][head].pop('channels')
        recipes.append(cfg)
    assert recipes[0] == recipes[1]


def test_every_recipe_of_ade20k_has_every_network():
    names = [NAME.fullmatch(path.stem).groups() for path in CONFIGS if 'ade20k' in path.name]
    assert {(name[0], name[1], name[4]) for name in names} == {
        (decoder, backbone, length) for decoder in ('c1', 'ppm') for backbone in CHANNELS for length in ('100', '160')}
