"""The demo on images, videos and a webcam; the files of labels are read back by the readers of other packages."""
import contextlib
import csv
import io
import shutil

import cv2
import mmcv
import numpy as np
import pytest
import torch
from facts import raises
from mmengine.registry import DefaultScope, init_default_scope
from PIL import Image

from mmmux.apis import DemoOptions, Inferencer, run_demo, videos
from mmmux.config import load_config
from mmmux.datasets.predicted_labels import Objects
from mmmux.utils.errors import ConfigError, DatasetError

CLASSES = ('circle', 'square', 'triangle', 'cross')
FRAMES = 3
THRESHOLD = 0.2  # a random network's scores are around 1 / 5


@pytest.fixture(scope='module')
def inferencer(configs, tmp_path_factory):
    from mmdet.registry import MODELS
    cfg = load_config(configs / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py')
    path = tmp_path_factory.mktemp('weights') / 'detector.pth'
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta=dict(dataset_meta=dict(cfg.metainfo))), path)
    return Inferencer(cfg, str(path), 'cpu')


@pytest.fixture(scope='module')
def folder(shapes, tmp_path_factory):
    """Two pictures, one in a subfolder, and a video of three frames."""
    folder = tmp_path_factory.mktemp('given') / 'mine'
    (folder / 'sub').mkdir(parents=True)
    for name, picture in zip(('a.jpg', 'sub/b.jpg'), sorted((shapes / 'VOC2007/JPEGImages').glob('*.jpg'))):
        shutil.copy(picture, folder / name)
    writer = cv2.VideoWriter(str(folder / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (96, 64))
    assert writer.isOpened()
    for number in range(FRAMES):
        writer.write(np.full((64, 96, 3), 60 * number, np.uint8))
    writer.release()
    return folder


@pytest.fixture(scope='module')
def run(inferencer, folder, tmp_path_factory):
    init_default_scope('mmdet')
    out = tmp_path_factory.mktemp('demo') / 'out'
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run_demo(inferencer, [folder], DemoOptions(out, THRESHOLD, ('coco', 'voc', 'yolo')))
    return out, printed.getvalue()


@pytest.fixture(scope='module')
def found(inferencer, folder):
    """The boxes of the first picture that reach the threshold, computed without the demo."""
    init_default_scope('mmdet')
    instances = inferencer.predict(folder / 'a.jpg').pred_instances
    instances = instances[instances.scores >= THRESHOLD]
    boxes = instances.bboxes.clamp(0, 96)
    with_area = (boxes[:, 2:] > boxes[:, :2]).all(1)
    assert with_area.sum() > 10
    return boxes[with_area].numpy(), instances.labels[with_area].numpy(), instances.scores[with_area].numpy()


def test_drawn_files(run, folder):
    out, printed = run
    lines = printed.splitlines()
    assert len(lines) == 3 and all(str(out / name) in printed for name in ('a.jpg', 'sub/b.jpg', 'clip.mp4'))
    assert Image.open(out / 'sub/b.jpg').tobytes() != Image.open(folder / 'sub/b.jpg').tobytes()
    video = mmcv.VideoReader(str(out / 'clip.mp4'))
    assert (len(list(video)), video.width, video.height, video.fps) == (FRAMES, 96, 64, 10)
    assert sorted(path.name for path in (out / 'frames/clip').iterdir()) == ['000000.png', '000001.png', '000002.png']
    assert abs(np.asarray(Image.open(out / 'frames/clip/000002.png')).mean() - 120) < 2


def test_coco_is_read_by_pycocotools(run, found):
    from pycocotools.coco import COCO
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(str(run[0] / 'coco/annotations.json'))
        results = data.loadRes(str(run[0] / 'coco/results.json'))
    names = {image['file_name']: image for image in data.loadImgs(data.getImgIds())}
    assert set(names) == {'a.jpg', 'sub/b.jpg', *(f'clip/{number:06d}.png' for number in range(FRAMES))}
    assert (names['clip/000000.png']['width'], names['clip/000000.png']['height']) == (96, 64)
    assert tuple(category['name'] for category in data.loadCats(data.getCatIds())) == CLASSES
    boxes, labels, scores = found
    for source in (data, results):
        mine = source.loadAnns(source.getAnnIds(names['a.jpg']['id']))
        sides = np.array([each['bbox'] for each in mine])
        assert np.allclose(np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]]), boxes, atol=0.02)
        assert [each['category_id'] for each in mine] == (labels + 1).tolist()
        assert np.allclose([each['score'] for each in mine], scores, atol=1e-4)


def test_voc_is_read_by_mmdet(run, found):
    from mmdet.datasets import XMLDataset
    dataset = XMLDataset(data_root=str(run[0] / 'voc'), ann_file='ImageSets/Main/predicted.txt', pipeline=[],
                         data_prefix=dict(sub_data_root=''), metainfo=dict(classes=CLASSES), test_mode=True)
    infos = {info['img_id']: info for info in (dataset.get_data_info(index) for index in range(len(dataset)))}
    assert set(infos) == {'a', 'sub/b', *(f'clip/{number:06d}' for number in range(FRAMES))}
    boxes, labels, _ = found
    mine = infos['a']['instances']
    assert (infos['a']['width'], infos['a']['height']) == (96, 96)
    # mmdet reads whole pixels.
    assert np.abs(np.array([each['bbox'] for each in mine]) - boxes).max() < 1.01
    assert [each['bbox_label'] for each in mine] == labels.tolist() and not any(each['ignore_flag'] for each in mine)


def test_yolo_is_read_by_supervision(run, folder, found, tmp_path):
    supervision = pytest.importorskip('supervision')
    shutil.copy(folder / 'a.jpg', tmp_path)
    (tmp_path / 'labels').mkdir()
    shutil.copy(run[0] / 'yolo/labels/a.txt', tmp_path / 'labels')
    dataset = supervision.DetectionDataset.from_yolo(str(tmp_path), str(tmp_path / 'labels'), str(run[0] / 'yolo/data.yaml'))
    read, = dataset.annotations.values()
    assert tuple(dataset.classes) == CLASSES
    assert np.abs(read.xyxy - found[0]).max() < 0.01 and read.class_id.tolist() == found[1].tolist()


def test_webcam(inferencer, folder, monkeypatch, tmp_path):
    opened = []

    def capture(number):
        opened.append(number)
        return real(str(folder / 'clip.avi'))

    real = cv2.VideoCapture
    monkeypatch.setattr(videos.cv2, 'VideoCapture', capture)
    init_default_scope('mmdet')
    run_demo(inferencer, ['webcam:1'], DemoOptions(tmp_path, frames=2))
    monkeypatch.undo()
    assert opened == [1] and len(list(mmcv.VideoReader(str(tmp_path / 'webcam_1.mp4')))) == 2


def test_labels_alone(inferencer, folder, tmp_path):
    init_default_scope('mmdet')
    run_demo(inferencer, [folder / 'a.jpg'], DemoOptions(tmp_path, labels=('voc', ), draw=False))
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob('*.*')) == [
        'voc/Annotations/a.xml', 'voc/ImageSets/Main/predicted.txt']


def test_unusable_inputs(inferencer, tmp_path):
    (tmp_path / 'bad.mp4').write_bytes(b'no video')
    for name in ('bad.mp4', 'gone.mp4'):
        with raises(DatasetError, tmp_path / name):
            run_demo(inferencer, [tmp_path / name], DemoOptions(tmp_path / 'out'))
    with raises(ConfigError, 'maps', 'coco', 'voc', 'yolo'):
        run_demo(inferencer, [tmp_path / 'bad.jpg'], DemoOptions(tmp_path / 'out', labels=('maps', )))


def test_boxes_are_clipped():
    boxes = np.array([[-5., -5, 10, 10], [90, 90, 200, 200], [120, 0, 130, 10]])
    objects = Objects.inside(boxes, np.array([0, 1, 2]), np.ones(3), (100, 95))
    assert objects.boxes.tolist() == [[0, 0, 10, 10], [90, 90, 100, 95]] and objects.labels.tolist() == [0, 1]


def test_label_maps_have_the_numbers_of_the_data_set(tmp_path):
    """mmseg reads the predicted label maps with `reduce_zero_label`, like the data set's own label maps."""
    from types import SimpleNamespace

    from mmengine.structures import PixelData
    from mmseg.datasets.transforms import LoadAnnotations

    from mmmux.tasks import Segmentation
    predicted = torch.randint(0, 3, (1, 20, 30))
    sample = SimpleNamespace(pred_sem_seg=PixelData(data=predicted))
    model = SimpleNamespace(dataset_meta=dict(classes=('a', 'b', 'c'), reduce_zero_label=True))
    writer = Segmentation().label_writers()['maps'](tmp_path, ('a', 'b', 'c'))
    from pathlib import Path
    writer.add(Path('sub/x.jpg'), (30, 20), Segmentation().written(sample, model, 0.3))
    read = LoadAnnotations(reduce_zero_label=True, imdecode_backend='pillow').transform(
        dict(seg_map_path=str(tmp_path / 'sub/x.png'), reduce_zero_label=True, seg_fields=[]))
    assert (read['gt_seg_map'] == predicted[0].numpy()).all()


@pytest.mark.parametrize(('task', 'expected'), [
    ('Classification', [('x.jpg', 'b', 0.7)]), ('MultiLabelClassification', [('x.jpg', 'b', 0.7), ('x.jpg', 'c', 0.5)])])
def test_table_of_classes(task, expected, tmp_path):
    from pathlib import Path
    from types import SimpleNamespace

    from mmmux.tasks import TASKS
    task = TASKS.module_dict[task]()
    writer = task.label_writers()['csv'](tmp_path, ('a', 'b', 'c'))
    writer.add(Path('x.jpg'), (30, 20), task.written(SimpleNamespace(pred_score=torch.tensor([0.1, 0.7, 0.5])), None, 0.3))
    writer.close()
    with open(tmp_path / 'predictions.csv', newline='') as file:
        rows = list(csv.reader(file))
    assert rows[0] == ['picture', 'class', 'score']
    assert [(picture, name, round(float(score), 4)) for picture, name, score in rows[1:]] == expected
