"""A detector and a segmentor in mixed precision, and on a GPU beside the CPU."""
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData, PixelData
from needs_gpu import GPU

from mmmux.config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SIZE = 96

pytest.importorskip('mmdet')
pytest.importorskip('mmseg')


def detector() -> tuple:
    """The model, pictures, and a box of each class in each of them."""
    from mmdet.structures import DetDataSample
    corners = torch.tensor([[10., 10., 50., 60.], [40., 20., 90., 85.], [5., 50., 45., 90.]])
    samples = [DetDataSample(gt_instances=InstanceData(bboxes=corners.clone(), labels=torch.arange(3)),
                             metainfo=dict(img_shape=(SIZE, SIZE), pad_shape=(SIZE, SIZE))) for _ in range(2)]
    return built('ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py'), torch.randn(2, 3, SIZE, SIZE), samples


def segmentor() -> tuple:
    """The model, pictures, and their label maps."""
    from mmseg.structures import SegDataSample
    samples = [SegDataSample(gt_sem_seg=PixelData(data=torch.randint(11, (1, SIZE, SIZE))),
                             metainfo=dict(img_shape=(SIZE, SIZE))) for _ in range(2)]
    return built('c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'), torch.randn(2, 3, SIZE, SIZE), samples


def built(config: str):
    cfg = load_config(CONFIGS / config)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model


@pytest.mark.parametrize('device', ['cpu', GPU])
@pytest.mark.parametrize('make', [detector, segmentor])
def test_losses_and_gradients_in_mixed_precision(make, device):
    """Losses are those of full precision, and no gradient is lost."""
    model, pictures, samples = make()
    model.to(device).train()
    pictures, samples = pictures.to(device), [sample.to(device) for sample in samples]
    totals = []
    for mixed in (False, True):
        torch.manual_seed(1)  # of dropout
        with torch.autocast(device, torch.float16 if device == 'cuda' else torch.bfloat16, enabled=mixed):
            total, _ = model.parse_losses(model.loss(pictures, samples))
        totals.append(total)
    assert totals[1].item() == pytest.approx(totals[0].item(), rel=0.02)
    totals[1].backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize('device', [GPU])
@pytest.mark.parametrize('make', [detector, segmentor])
def test_outputs_on_a_gpu_are_the_cpus(make, device):
    model, pictures, _ = make()
    model.eval()
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        expected = model(pictures, mode='tensor')
        found = model.to(device)(pictures.to(device), mode='tensor')
    for ours, theirs in zip(leaves(found), leaves(expected), strict=True):
        assert (ours.cpu() - theirs).abs().max() <= 1e-3 * theirs.abs().max()


def leaves(outputs) -> list:
    return [outputs] if isinstance(outputs, torch.Tensor) else [leaf for part in outputs for leaf in leaves(part)]
