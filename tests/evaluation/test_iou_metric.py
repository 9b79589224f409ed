import numpy as np
import pytest
import torch
from facts import raises

from mmmux.utils.errors import DatasetError

CLASSES = ('sky', 'road', 'tree', 'car')


def sample(predicted: np.ndarray, labels: np.ndarray | None = None, **meta) -> dict:
    """As a segmentor gives it to its metrics."""
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample
    fields = dict(pred_sem_seg=predicted, gt_sem_seg=labels)
    data = {key: PixelData(data=torch.as_tensor(np.array(value))[None]) for key, value in fields.items() if value is not None}
    found = SegDataSample(metainfo=meta)
    found.set_data(data)
    return found.to_dict()


def evaluate(samples: list[dict], classes=CLASSES, **arguments) -> dict:
    from mmmux.evaluation import IoUMetric
    metric = IoUMetric(**arguments)
    metric.dataset_meta = dict(classes=classes)
    for one in samples:
        metric.process({}, [one])
    return metric.evaluate(len(samples))


def random_maps(seed: int, classes: int = 4) -> list[tuple[np.ndarray, np.ndarray]]:
    """Predictions that are right more often than not, labels of which some are ignored; pictures of several sizes."""
    rng = np.random.default_rng(seed)
    maps = []
    for height, width in ((20, 30), (31, 17), (1, 50)):
        labels = rng.integers(0, classes, (height, width))
        predicted = np.where(rng.random(labels.shape) < 0.6, labels, rng.integers(0, classes, labels.shape))
        labels[rng.random(labels.shape) < 0.2] = 255
        maps.append((predicted, labels.astype(np.uint8)))
    return maps


def confusion(maps: list[tuple], classes: int) -> np.ndarray:
    """Count the pixels of each labelled class (row) and predicted class (column), one by one."""
    matrix = np.zeros((classes, classes), int)
    for predicted, labels in maps:
        for found, label in zip(predicted.flat, labels.flat):
            if label != 255:
                matrix[label, found] += 1
    return matrix


@pytest.mark.parametrize('seed', range(4))
def test_equals_the_definition(seed):
    maps = random_maps(seed)
    matrix = confusion(maps, 4)
    right, labelled, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    iou = right / (labelled + predicted - right)
    expected = {'aAcc': right.sum() / matrix.sum(), 'mIoU': iou.mean(), 'mAcc': (right / labelled).mean(),
                **{f'IoU/{name}': value for name, value in zip(CLASSES, iou)}}
    assert evaluate([sample(*pair) for pair in maps]) == {
        name: pytest.approx(100 * value, abs=0.0051) for name, value in expected.items()}
    assert 0.3 < iou.min() < iou.max() < 0.8


def test_by_hand():
    """Sky: 1 of 2 right, nothing taken for it. Road: 2 of 3 right, a sky taken for it. Tree: predicted once, never there."""
    metrics = evaluate([sample([[0, 1, 1, 1, 2, 3]], [[0, 0, 1, 1, 1, 255]])])
    assert metrics == {
        'aAcc': pytest.approx(60), 'mIoU': pytest.approx(100 * (1 / 2 + 2 / 4 + 0) / 3, abs=0.0051),
        'mAcc': pytest.approx(100 * (1 / 2 + 2 / 3) / 2, abs=0.0051), 'IoU/sky': 50, 'IoU/road': 50, 'IoU/tree': 0,
        'absent': ['car']}


def test_a_class_that_is_nowhere_is_listed_and_is_not_in_the_means():
    maps = random_maps(0, classes=3)
    four, three = (evaluate([sample(*pair) for pair in maps], classes) for classes in (CLASSES, CLASSES[:3]))
    assert four == {**three, 'absent': ['car']}


def test_nothing_but_ignored_pixels():
    predicted, labels = random_maps(0)[0]
    with raises(DatasetError, '2 label maps', '4 classes', '255', 'reduce_zero_label'):
        evaluate([sample(predicted, np.full_like(labels, 255))] * 2)


def test_threshold_predicts_numbers_that_are_no_integers():
    predicted, labels = np.array([[0, 1, 1, 0]]), np.array([[0, 1, 0, 255]])
    assert evaluate([sample(predicted.astype(np.float32), labels)], CLASSES[:2]) == evaluate([sample(predicted, labels)],
                                                                                             CLASSES[:2])


def test_two_pictures_of_one_name_are_not_written_to_one_file(tmp_path):
    predicted, labels = random_maps(0)[0]
    with raises(DatasetError, 'x/a.jpg', 'y/a.jpg', tmp_path, '--out'):
        evaluate([sample(predicted, labels, img_path=f'{folder}/a.jpg') for folder in 'xy'], output_dir=str(tmp_path))


def test_what_is_predicted_where_labels_are_ignored_does_not_count():
    predicted, labels = random_maps(0)[0]
    other = np.where(labels == 255, 3 - predicted, predicted)
    assert evaluate([sample(predicted, labels)]) == evaluate([sample(other, labels)])


def test_all_but_the_classes_is_mmsegs():
    from mmseg.evaluation import IoUMetric as MMSegIoUMetric
    samples = [sample(*pair) for pair in random_maps(1)]
    theirs = MMSegIoUMetric(iou_metrics=['mIoU', 'mDice', 'mFscore'])
    theirs.dataset_meta = dict(classes=CLASSES)
    theirs.process({}, samples)
    ours = evaluate(samples, iou_metrics=['mIoU', 'mDice', 'mFscore'])
    assert {name: value for name, value in ours.items() if '/' not in name} == theirs.evaluate(3)
    assert not [name for name in evaluate(samples, iou_metrics=['mDice']) if '/' in name]


def test_without_labels():
    unlabelled = sample(random_maps(2)[0][0], img_path='/data/a.jpg')
    assert evaluate([unlabelled], format_only=True) == {}
    with pytest.raises(DatasetError, match=r'/data/a\.jpg.*test_evaluator\.format_only=True'):
        evaluate([unlabelled])
