import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from PIL import Image
from torch import nn
from torchvision import transforms

ROOT = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = sorted(path for path in (ROOT / 'classification').glob('*.py') if not path.stem.endswith('_custom'))
IMAGENET = [path for path in CONFIGS if 'imagenet' in path.stem]
NAME = re.compile(r'(muxnet-(?:xs|s|m|l)|mobilenetv2)_(\d)xb(\d+)-(\d+)e_imagenet-224')
BASELINE = ROOT / 'classification/mobilenetv2_8xb96-450e_imagenet-224.py'
MUXNET_M = ROOT / 'classification/muxnet-m_8xb96-450e_imagenet-224.py'


def ids(path: Path) -> str:
    return path.stem


def build(path: Path) -> nn.Module:
    from mmpretrain.registry import MODELS
    init_default_scope('mmpretrain')
    return MODELS.build(Config.fromfile(path).model)


def dataset(cfg, **changes):
    from mmpretrain.registry import DATASETS
    init_default_scope('mmpretrain')
    return DATASETS.build(dict(cfg, **changes))


@pytest.mark.parametrize('path', CONFIGS, ids=ids)
def test_trains_and_predicts(path):
    """Forward, loss and backward on small pictures, and a score for every class."""
    from mmpretrain.structures import DataSample
    model = build(path)
    model.init_weights()
    classes = model.head.num_classes
    samples = [DataSample().set_gt_label(number) for number in range(3)]
    data = dict(inputs=[torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8) for _ in samples], data_samples=samples)
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    losses['loss'].backward()
    assert losses['loss'].isfinite()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    model.eval()
    predicted = model.test_step(data)
    assert all(sample.pred_score.shape == (classes, ) for sample in predicted)


@pytest.mark.parametrize('path', IMAGENET, ids=ids)
class TestImageNet:

    def test_name_tells_batch_and_length(self, path):
        cfg, (_, gpus, batch, epochs) = Config.fromfile(path), NAME.fullmatch(path.stem).groups()
        assert cfg.train_dataloader.batch_size == int(batch)
        assert cfg.auto_scale_lr.base_batch_size == int(gpus) * int(batch) == 2 * 384  # timm's command
        assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == int(epochs) == 450

    def test_is_trained_as_timms_command_says(self, path):
        cfg = Config.fromfile(path)
        optimizer = cfg.optim_wrapper.optimizer
        assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('RMSprop', 0.048, 1e-5)
        assert (optimizer.alpha, optimizer.momentum) == (0.9, 0.9) and optimizer.eps**2 == pytest.approx(0.001)
        assert cfg.model.head.dropout == 0.2
        loss = cfg.model.head.loss
        assert (loss.type, loss.label_smooth_val) == ('LabelSmoothLoss', 0.1)
        (ema, ) = (hook for hook in cfg.custom_hooks if hook.type.endswith('EMAHook'))
        assert 1 - ema.momentum == pytest.approx(0.9999) and ema.update_buffers
        (augment, ) = (step for step in cfg.train_pipeline if step.type == 'RandAugment')
        assert (augment.num_policies, augment.magnitude_level, augment.magnitude_std) == (2, 9, 0.5)
        (erase, ) = (step for step in cfg.train_pipeline if step.type == 'RandomErasing')
        assert erase.erase_prob == 0.2

    def test_runtime_hooks_are_kept(self, path):
        base = Config.fromfile(ROOT / '_base_/classification_runtime.py').custom_hooks
        assert Config.fromfile(path).custom_hooks[:len(base)] == base

    def test_reads_imagenet(self, path):
        cfg = Config.fromfile(path)
        for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val'), (cfg.test_dataloader, 'val')):
            found = dataset(loader.dataset, lazy_init=True)  # builds the pipeline, reads no files
            assert type(found).__module__ == 'mmmux.datasets.classification' and found.test_mode == (split == 'val')
            assert found.img_prefix == f'data/imagenet/{split}'
            assert len(found.metainfo['classes']) == cfg.model.head.num_classes == 1000

    def test_comparison_is_fair(self, path):
        """Same data, augmentation, schedule, seed and head as the baseline: only the backbone and its channels differ."""
        recipes = []
        for cfg in map(Config.fromfile, (path, BASELINE)):
            backbone = cfg.model.pop('backbone')
            assert 'Pretrained' not in str(backbone)  # from random weights
            cfg.model.head.pop('in_channels')
            recipes.append(cfg.to_dict())
        assert recipes[0] == recipes[1]


def test_every_network_has_a_config():
    assert {NAME.fullmatch(path.stem)[1] for path in IMAGENET} == {
        'muxnet-xs', 'muxnet-s', 'muxnet-m', 'muxnet-l', 'mobilenetv2'}


def test_learning_rate():
    """From 1e-6 up to 0.048 in five epochs, then down a cosine to nothing, changing at every iteration."""
    per_epoch = 4
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.048)
    init_default_scope('mmpretrain')
    schedulers = [PARAM_SCHEDULERS.build(step, default_args=dict(optimizer=optimizer, epoch_length=per_epoch))
                  for step in Config.fromfile(MUXNET_M).param_scheduler]
    rates = []
    for _ in range(450 * per_epoch):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    warm = 5 * per_epoch
    assert rates[0] == pytest.approx(1e-6) and np.allclose(np.diff(rates[:warm], 2), 0, atol=1e-9)
    steps = np.arange(450 * per_epoch - warm)
    expected = 0.048 * (1 + np.cos(math.pi * steps / len(steps))) / 2
    assert rates[warm - 1] == pytest.approx(0.048) and np.allclose(rates[warm:], expected, atol=2e-4)


def test_weights_decay_but_norms_and_biases():
    """timm's rule: parameters with one dimension do not decay."""
    model = build(MUXNET_M)
    groups = build_optim_wrapper(model, Config.fromfile(MUXNET_M).optim_wrapper).optimizer.param_groups
    decays = {id(parameter): group['weight_decay'] for group in groups for parameter in group['params']}
    assert len(decays) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        assert decays[id(parameter)] == (1e-5 if parameter.ndim > 1 else 0), name


def picture(folder: Path, size: tuple[int, int]) -> str:
    path = folder / 'picture.png'
    coarse = np.random.default_rng(0).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.BILINEAR).save(path)
    return str(path)


def run(pipeline, path: str, label: int = 0) -> torch.Tensor:
    """The picture (3, H, W) that a pipeline of a config hands over, blue first."""
    from mmcv.transforms import Compose
    from mmpretrain.registry import TRANSFORMS
    init_default_scope('mmpretrain')
    return Compose([TRANSFORMS.build(step) for step in pipeline])(dict(img_path=path, gt_label=label))['inputs']


@pytest.mark.parametrize('size', [(400, 304), (304, 400), (160, 240), (257, 1024)])
def test_tested_pictures_are_torchvisions(tmp_path, size):
    """Shorter edge 256 by Pillow's bicubic, the 224 x 224 in the middle, as timm and torchvision evaluate."""
    path = picture(tmp_path, size)
    ours = run(Config.fromfile(MUXNET_M).test_dataloader.dataset.pipeline, path)
    theirs = transforms.Compose([
        transforms.Resize(256, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224)])(Image.open(path))
    assert (ours.numpy()[::-1].transpose(1, 2, 0) == np.asarray(theirs)).all()


def test_training_pictures_differ_and_are_224(tmp_path):
    np.random.seed(0)
    pipeline, path = Config.fromfile(MUXNET_M).train_dataloader.dataset.pipeline, picture(tmp_path, (400, 304))
    drawn = [run(pipeline, path) for _ in range(40)]
    assert all(image.shape == (3, 224, 224) and image.dtype == torch.uint8 for image in drawn)
    assert len({image.numpy().tobytes() for image in drawn}) == len(drawn)


def test_erased_pixels_are_standard_normal_for_the_network(tmp_path):
    """Up to the cut at black and white; red, green and blue alike."""
    cfg = Config.fromfile(MUXNET_M)
    (erase, ) = (step for step in cfg.train_pipeline if step.type == 'RandomErasing')
    path = tmp_path / 'black.png'
    Image.new('RGB', (224, 224)).save(path)
    np.random.seed(0)
    erase = dict(erase, erase_prob=1., min_area_ratio=0.3)
    black = run([dict(type='mmmux.LoadImage'), erase, dict(type='PackInputs')], str(path))
    inputs = build(MUXNET_M).data_preprocessor(dict(inputs=[black]))['inputs'][0]
    erased = inputs[:, (black > 0).any(0)]
    assert erased.shape[1] > 0.29 * 224 * 224
    assert erased.mean(1).abs().max() < 0.05 and ((erased.std(1) - 1).abs() < 0.1).all()


def test_augmented_testing_sees_the_mirror_image(tmp_path):
    cfg = Config.fromfile(MUXNET_M)
    path = picture(tmp_path, (400, 304))
    plain, mirrored = run(cfg.tta_pipeline, path)
    assert (plain == run(cfg.test_dataloader.dataset.pipeline, path)).all() and (mirrored == plain.flip(-1)).all()
