"""The paper's detector from VOCdevkit to its mAP on VOC 2007 test."""
import json
import math
import pickle
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from metric_reference import average_precision
from mmengine.registry import init_default_scope
from PIL import Image

from mmmux.apis import runs
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.config import enable_tta, load_config
from mmmux.engine.runner.loader_workers import loader_workers_end
from mmmux.tasks import Detection

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).resolve().parents[2] / 'configs/ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
DEVKIT = 'data/VOCdevkit'  # where the config looks, from the folder that a tool is run in
OBJECT = """
    <object>
        <name>{name}</name><pose>Unspecified</pose><truncated>1</truncated>
        <bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox><difficult>{difficult}</difficult>
        <part><name>head</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></part>
    </object>"""


def classes() -> tuple[str, ...]:
    from mmdet.datasets import VOCDataset
    return VOCDataset.METAINFO['classes']


def write_split(year: Path, split: str, names: list[str]) -> None:
    """Write pictures of noise, in VOC's usual sizes, with five objects each, of as many classes.

    Every class is in every fourth picture. In sixteen pictures one of its four objects is difficult, and no recall is a
    multiple of 0.1, where rounding would decide.
    """
    rng = np.random.default_rng(len(names))
    for folder in ('Annotations', 'JPEGImages', 'ImageSets/Main'):
        (year / folder).mkdir(parents=True, exist_ok=True)
    (year / f'ImageSets/Main/{split}.txt').write_text('\n'.join(names) + '\n')
    for number, name in enumerate(names):
        width, height = (500, 375) if rng.random() < 0.7 else (375, 500)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(year / f'JPEGImages/{name}.jpg')
        objects = ''
        for label in range(number % 4 * 5, number % 4 * 5 + 5):
            x1, y1 = rng.integers(1, (width - 180, height - 180))
            x2, y2 = (x1, y1) + rng.integers(60, 180, 2)
            objects += OBJECT.format(x1, y1, x2, y2, name=classes()[label], difficult=int(number // 4 % 4 == label % 4))
        size = f'<size><width>{width}</width><height>{height}</height><depth>3</depth></size>'
        (year / f'Annotations/{name}.xml').write_text(f'<annotation>\n    {size}{objects}\n</annotation>\n')


def read_annotation(name: str) -> list[tuple]:
    """Return (label, difficult, corners in pixels counted from 1) of every object in a test picture."""
    return [(classes().index(element.findtext('name')), element.findtext('difficult') == '1',
             [int(element.findtext(f'bndbox/{side}')) for side in ('xmin', 'ymin', 'xmax', 'ymax')])
            for element in ET.parse(f'{DEVKIT}/VOC2007/Annotations/{name}.xml').getroot().findall('object')]


def detections(prediction: dict) -> list[tuple]:
    """Return (label, corners in pixels counted from 0, score) of every detection, the highest score first."""
    found = prediction['pred_instances']
    return sorted(zip(found['labels'].tolist(), found['bboxes'].tolist(), found['scores'].tolist()), key=lambda row: -row[2])


def expected_metrics(predictions: list[dict]) -> dict:
    """Compute the metrics of predictions and annotations by VOC's definition."""
    samples = []
    for prediction in predictions:
        objects = read_annotation(prediction['img_id'])
        real, difficult = ([(label, *box) for label, flag, box in objects if flag == wanted] for wanted in (False, True))
        found = [(label, *(corner + 1 for corner in corners), score) for label, corners, score in detections(prediction)]
        samples.append((real, found, difficult))
    by_class = {name: average_precision(samples, label, threshold=0.5) for label, name in enumerate(classes())}
    mean = sum(by_class.values()) / 20
    return {'pascal_voc/mAP': mean, 'pascal_voc/AP50': mean,
            **{f'pascal_voc/AP50/{name}': value for name, value in by_class.items()}}


@pytest.fixture(scope='module')
def trained(tool_in, in_this_process, tmp_path_factory):
    """Folder with the data and the work dir of one epoch with tools/train.py, on four pictures of each year; and options.

    Normalisation takes the last batch's statistics: a tenth of them would leave a network to which all pictures look alike.
    """
    folder = tmp_path_factory.mktemp('voc')
    write_split(folder / DEVKIT / 'VOC2007', 'trainval', [f'{number:06d}' for number in (5, 7, 9, 12)])
    write_split(folder / DEVKIT / 'VOC2012', 'trainval', [f'2008_{number:06d}' for number in (2, 3, 7, 8)])
    write_split(folder / DEVKIT / 'VOC2007', 'test', [f'{number:06d}' for number in range(101, 117)])
    options = ['--cfg-options', *in_this_process]
    tool_in(folder, 'train.py', CONFIG, '--work-dir', 'work', *options, 'train_dataloader.batch_size=4',
            'train_cfg.max_epochs=1', 'model.backbone.norm_cfg.type=BN', 'model.backbone.norm_cfg.momentum=1.')
    return folder, options


@pytest.fixture
def tested(trained, tool, monkeypatch, tmp_path):
    """Test the weights with tools/test.py; give back the metrics and predictions that it writes."""
    folder, options = trained
    monkeypatch.chdir(folder)

    def measure(*more) -> tuple[dict, list[dict]]:
        out = tmp_path / 'predictions.pkl'
        tool('test.py', CONFIG, 'work/epoch_1.pth', '--work-dir', tmp_path, '--out', out, *options, *more)
        return json.loads((tmp_path / 'metrics.json').read_text()), pickle.loads(out.read_bytes())

    return measure


def test_trained_saved_and_tested(trained, tested):
    checkpoint = load_checkpoint_file(trained[0] / 'work/epoch_1.pth')
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (1, 2)
    assert tuple(checkpoint['meta']['dataset_meta']['classes']) == classes()
    assert all(value.isfinite().all() for value in checkpoint['state_dict'].values() if torch.is_floating_point(value))
    metrics, predictions = tested()
    assert [prediction['img_id'] for prediction in predictions] == [f'{number:06d}' for number in range(101, 117)]
    # Where two scores are equal, as some of an untrained network are, either may come first.
    assert metrics == pytest.approx(expected_metrics(predictions), abs=1e-3) and metrics['pascal_voc/mAP'] > 0
    # The weights of the file are those that were in memory when training ended with an evaluation.
    (scalars, ) = Path('work').glob('*/vis_data/scalars.json')
    at_the_end = json.loads(scalars.read_text().splitlines()[-1])
    assert {name: at_the_end[name] for name in metrics} == pytest.approx(metrics, abs=1e-4)


def answers(name: str) -> list[tuple]:
    """Return detections of a fair detector in a test picture: (label, corners in pixels counted from 0, score), best first.

    An object, difficult or not, is found, found twice, found with an overlap above 0.5 only if pixels count inclusively, missed
    by more than half a width, or not found; some are also taken for another class.
    """
    rng = np.random.default_rng(int(name))
    width, height = Image.open(f'{DEVKIT}/VOC2007/JPEGImages/{name}.jpg').size
    found = []
    for label, _, corners in read_annotation(name):
        x1, y1, x2, y2 = (corner - 1 for corner in corners)
        side = x2 - x1
        shifts = ((0, ), (-side / 4, side / 4), ((side + 0.5) / 3, ), (0.6 * side, ), ())[rng.integers(5)]
        labels = [label] * len(shifts) + [(label + 10) % 20] * int(rng.integers(4) == 0)
        for cls, shift in zip(labels, (*shifts, 0)):
            box = np.clip([x1 + shift, y1, x2 + shift, y2], 0, [width, height] * 2)
            found.append((cls, box.tolist(), float(rng.uniform(0.2, 0.95))))
    return sorted(found, key=lambda row: -row[2])


@pytest.fixture
def head_that_answers(monkeypatch):
    """Add `answers`, encoded for the anchors, to the outputs of the head's two convolutions."""
    from mmmux.models.heads import SSDHead
    decode = SSDHead.predict_by_feat

    def predict_by_feat(self, cls_scores, bbox_preds, batch_img_metas, **kwargs):
        anchors, *_ = self.prior_generator.grid_priors([level.shape[-2:] for level in cls_scores], device='cpu')
        logits, deltas = cls_scores[0].unflatten(1, (-1, 21)), bbox_preds[0].unflatten(1, (-1, 4))
        _, kinds, _, height, width = logits.shape
        for picture, meta in enumerate(batch_img_metas):
            for number, (label, corners, score) in enumerate(answers(meta['img_id'])):
                row, column, kind = np.unravel_index(number * 37, (height, width, kinds))
                box = torch.tensor([corners]) * torch.tensor(meta['scale_factor']).repeat(2)
                deltas[picture, kind, :, row, column] = self.bbox_coder.encode(anchors[[number * 37]], box)[0]
                logits[picture, kind, :, row, column] = 0
                logits[picture, kind, label, row, column] = math.log(20 * score / (1 - score))  # softmax makes it the score
        return decode(self, cls_scores, bbox_preds, batch_img_metas=batch_img_metas, **kwargs)

    monkeypatch.setattr(SSDHead, 'predict_by_feat', predict_by_feat)


def test_map_of_answers_that_are_partly_right(head_that_answers, tested):
    """A network of two iterations finds so little that a wrong metric could give the same values."""
    metrics, predictions = tested('model.test_cfg.score_thr=0.15')  # above every score of the network itself
    assert metrics == pytest.approx(expected_metrics(predictions), abs=1e-6)
    assert 0.3 < metrics['pascal_voc/mAP'] < 0.8 and len({round(value, 3) for value in metrics.values()}) > 5
    # Anchors, suppression and the conversion to the picture's pixels do not change the answers.
    for prediction in predictions:
        wanted, found = answers(prediction['img_id']), detections(prediction)
        assert [row[0] for row in found] == [row[0] for row in wanted]
        for (_, corners, score), (_, given, given_score) in zip(found, wanted):
            assert corners == pytest.approx(given, abs=0.01) and score == pytest.approx(given_score, abs=1e-4)


def test_mirrored_views_go_through_the_weights_and_their_boxes_lie_in_the_picture(trained, monkeypatch, tmp_path):
    from mmdet.registry import MODELS
    monkeypatch.chdir(trained[0])
    cfg = load_config(CONFIG.with_name('ssdlite_mobilenetv2_1xb32-200e_voc0712-320.py'), work_dir=tmp_path)
    init_default_scope('mmdet')
    detector = MODELS.build(cfg.model)
    torch.save(dict(state_dict=detector.state_dict(), meta={}), tmp_path / 'detector.pth')
    cfg.load_from = str(tmp_path / 'detector.pth')
    enable_tta(cfg)
    Detection().dump_in_test(cfg, tmp_path / 'predictions.pkl')
    runner = runs.build_runner(cfg)
    with loader_workers_end(runner):
        runner.test()
    for key, value in runner.model.module.state_dict().items():
        assert torch.equal(value.cpu(), detector.state_dict()[key])
    predictions = pickle.loads((tmp_path / 'predictions.pkl').read_bytes())
    assert len(predictions) == 16
    for prediction in predictions:
        height, width = prediction['ori_shape']
        boxes = prediction['pred_instances']['bboxes']
        assert len(boxes) and (boxes >= -1e-3).all() and (boxes <= torch.tensor([width, height] * 2) + 1e-3).all()
