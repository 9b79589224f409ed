import itertools
import json
import pickle

import numpy as np
import pytest
import torch
from facts import assert_facts, raises

from mmmux.evaluation import AUROC
from mmmux.utils.errors import ConfigError, DatasetError, TrainingError

CLASSES = ('Mass', 'Edema', 'Hernia')


def samples(scores, labels) -> list[dict]:
    """As mmpretrain's multi-label heads give them to its metrics; labels (N, C) are 0 and 1."""
    return [dict(img_path=f'{number}.png', pred_score=torch.tensor(score, dtype=torch.float32), num_classes=len(score),
                 gt_label=torch.from_numpy(np.flatnonzero(label))) for number, (score, label) in enumerate(zip(scores, labels))]


def evaluate(found: list[dict], classes=CLASSES, metric: AUROC | None = None) -> dict:
    metric = metric or AUROC()
    metric.dataset_meta = dict(classes=classes)
    for start in range(0, len(found), 5):
        metric.process({}, found[start:start + 5])
    return metric.evaluate(len(found))


def random_case(seed: int, pictures: int = 60, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Scores that know a little about rare labels; with few decimals many of them are equal."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((pictures, 3)) < (0.5, 0.2, 0.1)).astype(int)
    labels[:2] = [[0, 0, 0], [1, 1, 1]]
    scores = 1 / (1 + np.exp(-rng.normal(labels, 1)))
    return (scores if decimals is None else scores.round(decimals)).astype(np.float32), labels


def share_of_pairs(scores: np.ndarray, labels: np.ndarray) -> float:
    """Of all pairs of a picture with and one without the class, those that are scored in this order; ties count half."""
    pairs = list(itertools.product(scores[labels == 1], scores[labels == 0]))
    return sum(1 if high > low else 0.5 if high == low else 0 for high, low in pairs) / len(pairs)


@pytest.mark.parametrize('decimals', [None, 2, 1])
@pytest.mark.parametrize('seed', range(4))
def test_equals_pairs_counted_one_by_one_and_scikit_learn(seed, decimals):
    from sklearn.metrics import roc_auc_score
    scores, labels = random_case(seed, decimals=decimals)
    metrics = evaluate(samples(scores, labels))
    assert set(metrics) == {'auroc/mean', *(f'auroc/{name}' for name in CLASSES)}
    for number, name in enumerate(CLASSES):
        assert metrics[f'auroc/{name}'] == pytest.approx(share_of_pairs(scores[:, number], labels[:, number]), abs=1e-6)
    assert metrics['auroc/mean'] == pytest.approx(roc_auc_score(labels, scores, average='macro'), abs=1e-6)
    assert len({round(metrics[f'auroc/{name}'], 4) for name in CLASSES}) == 3


@pytest.mark.slow
def test_all_of_the_test_pictures_with_scores_near_zero():
    """As many pictures as ChestX-ray14 has for testing, and a finding as rare and as unlikely as its rarest."""
    from sklearn.metrics import roc_auc_score
    rng = np.random.default_rng(0)
    labels = (rng.random((25596, 3)) < (0.003, 0.05, 0.2)).astype(int)
    scores = (1 / (1 + np.exp(-rng.normal(labels * 1.5 - 9, 1)))).astype(np.float32)
    metrics = evaluate(samples(scores, labels))
    for number, name in enumerate(CLASSES):
        assert metrics[f'auroc/{name}'] == pytest.approx(roc_auc_score(labels[:, number], scores[:, number]), abs=1e-5)


def test_labels_as_scores_and_labels_as_numbers_are_the_same():
    scores, labels = random_case(0)
    one_hot = [dict({key: value for key, value in sample.items() if key != 'gt_label'}, gt_score=torch.tensor(label).float())
               for sample, label in zip(samples(scores, labels), labels)]
    assert evaluate(one_hot) == evaluate(samples(scores, labels))


@pytest.mark.parametrize('only', [0, 1])
def test_a_class_that_none_or_all_have_is_left_out_and_told_once(only, log):
    scores, labels = random_case(0)
    labels[:, 1] = only
    metric = AUROC()
    for _ in range(3):  # validations of one training
        metrics = evaluate(samples(scores, labels), metric=metric)
    assert 'auroc/Edema' not in metrics
    assert metrics['auroc/mean'] == pytest.approx(np.mean([metrics['auroc/Mass'], metrics['auroc/Hernia']]))
    (message, ) = log.messages
    assert_facts(message, 'Edema', '60 pictures', '2 classes')


def test_no_class_to_tell_apart():
    with raises(DatasetError, 'AUROC', '3 classes', '4 pictures'):
        evaluate(samples(np.full((4, 3), 0.5), [[1, 1, 0]] * 4))


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_scores_that_are_no_numbers(value):
    scores, labels = random_case(0)
    scores[7, 2] = value
    with raises(TrainingError, '7.png', value, "'Hernia'"):
        evaluate(samples(scores, labels))


class TestSingleLabels:

    @pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
    def test_are_refused(self, dtype):
        """Scores of a softmax head are refused if each picture has one class."""
        scores = torch.randn(40, 3).mul(3).softmax(1).to(dtype)
        labels = np.eye(3, dtype=int)[np.arange(40) % 3]
        found = [dict(sample, pred_score=score) for sample, score in zip(samples(scores.float().tolist(), labels), scores)]
        with raises(ConfigError, 'mmmux.AUROC', 'mmmux.MultiLabelLinearClsHead', "dict(type='Accuracy')"):
            evaluate(found)

    def test_pictures_that_happen_to_have_one_label_each_are_not(self):
        scores, _ = random_case(0)
        labels = np.eye(3, dtype=int)[np.arange(60) % 3]
        assert 0 < evaluate(samples(scores, labels))['auroc/mean'] < 1

    def test_softmax_scores_of_several_labels_are_not(self):
        scores, labels = random_case(0)
        assert 'auroc/mean' in evaluate(samples(scores / scores.sum(1, keepdims=True), labels))


def test_another_number_of_classes():
    scores, labels = random_case(0)
    with raises(ConfigError, '3 classes', 2, 'num_classes'):
        evaluate(samples(scores, labels), CLASSES[:2])
    first = int(np.flatnonzero(labels[:, 2])[0])
    with raises(ConfigError, f'{first}.png', 'class 2', '2 classes', 'num_classes'):
        evaluate(samples(scores[:, :2], labels))


def test_pictures_without_labels():
    scores, labels = random_case(0)
    unlabelled = [{key: value for key, value in sample.items() if key != 'gt_label'} for sample in samples(scores, labels)]
    with raises(DatasetError, '0.png', 'gt_label'):
        evaluate(unlabelled)


def test_classes_without_names_are_numbered():
    scores, labels = random_case(0)
    assert set(evaluate(samples(scores, labels), None)) == {'auroc/mean', 'auroc/0', 'auroc/1', 'auroc/2'}


def test_results_travel_between_processes_and_can_be_written_as_json():
    metric = AUROC()
    metric.process({}, samples(*random_case(0)))
    assert len(pickle.dumps(metric.results)) < 60 * 400  # mmengine pickles them
    assert 0 < json.loads(json.dumps(evaluate(samples(*random_case(0)))))['auroc/Mass'] < 1


def test_torchmetrics_missing(monkeypatch):
    monkeypatch.setattr('mmmux.evaluation.auroc.find_spec', lambda name: None)
    with raises(ConfigError, 'mmmux.AUROC', 'pip install torchmetrics'):
        AUROC()
