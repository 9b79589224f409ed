import pytest
import torch
import torch.nn.functional as F
from facts import raises
from mmengine.registry import MODELS, DefaultScope

from mmmux.utils.errors import ConfigError

pytest.importorskip('mmpretrain')

KINDS = ('LinearClsHead', 'MultiLabelLinearClsHead')


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


def build(kind: str, num_classes: int = 7, in_channels: int = 40, **options):
    head = MODELS.build(dict(type=f'mmmux.{kind}', num_classes=num_classes, in_channels=in_channels, **options))
    head.init_weights()
    return head


def samples_of(labels):
    from mmpretrain.structures import DataSample
    return [DataSample().set_gt_label(label) for label in labels]


@pytest.mark.parametrize('kind', KINDS)
class TestBoth:

    def test_scores_are_linear_in_the_last_features(self, kind):
        head = build(kind).eval()
        first, last = torch.rand(3, 24), torch.rand(3, 40)
        assert torch.allclose(head((first, last)), last @ head.fc.weight.T + head.fc.bias, atol=1e-6)

    @pytest.mark.parametrize('dropout', [0.2, 0.75])
    def test_training_drops_that_share_and_scales_the_rest(self, kind, dropout):
        head = build(kind, in_channels=20_000, dropout=dropout).train()
        features = head.pre_logits((torch.ones(1, 20_000), ))
        kept = features != 0
        assert (~kept).float().mean().item() == pytest.approx(dropout, abs=0.02)
        assert torch.allclose(features[kept], torch.tensor(1 / (1 - dropout)))

    def test_share_is_a_fifth_unless_said(self, kind):
        features = build(kind, in_channels=20_000).train().pre_logits((torch.ones(1, 20_000), ))
        assert (features == 0).float().mean().item() == pytest.approx(0.2, abs=0.02)

    def test_testing_drops_nothing(self, kind):
        features = torch.rand(2, 40)
        assert torch.equal(build(kind, dropout=0.9).eval().pre_logits((features, )), features)

    @pytest.mark.parametrize('num_classes', [4, 100])
    def test_weights_start_uniform_within_one_over_the_root_of_the_classes(self, kind, num_classes):
        """As in the release: the standard deviation of a uniform distribution is its bound over the root of three."""
        head = build(kind, num_classes, 2000)
        bound = num_classes**-0.5
        assert 0.99 * bound < head.fc.weight.abs().max() <= bound
        assert head.fc.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)
        assert head.fc.weight.mean().abs() < 0.03 * bound
        assert not head.fc.bias.any()

    def test_another_start_may_be_given(self, kind):
        weight = build(kind, 100, 2000, init_cfg=dict(type='Normal', layer='Linear', std=0.01)).fc.weight
        assert weight.std().item() == pytest.approx(0.01, rel=0.03) and weight.abs().max() > 0.03

    @pytest.mark.parametrize('dropout', [-0.1, 1, 1.5, True, '0.2', None, float('nan')])
    def test_dropout_out_of_range(self, kind, dropout):
        with raises(ConfigError, 'dropout', kind, 'below 1', f'got {dropout!r}'):
            build(kind, dropout=dropout)

    @pytest.mark.parametrize('num_classes', [0, -3, 2.5, '10', None])
    def test_number_of_classes_out_of_range(self, kind, num_classes):
        with raises(ConfigError, 'num_classes', kind, 'positive', f'got {num_classes!r}'):
            build(kind, num_classes=num_classes)

    @pytest.mark.parametrize('training', [True, False])
    def test_features_of_another_width(self, kind, training):
        with raises(ConfigError, 'model.head.in_channels', 40, 41):
            build(kind).train(training)((torch.rand(3, 41), ))

    @pytest.mark.parametrize('dropout', [0, 0.])
    def test_nothing_may_be_dropped(self, kind, dropout):
        features = torch.rand(2, 40)
        assert torch.equal(build(kind, dropout=dropout).train().pre_logits((features, )), features)


def test_one_label_a_picture():
    """Softmax cross-entropy, averaged over the pictures; the predicted scores are the softmax."""
    head, features, labels = build('LinearClsHead').eval(), (torch.rand(5, 40), ), [0, 6, 3, 3, 1]
    scores = head(features)
    loss = head.loss(features, samples_of(labels))['loss']
    assert loss.item() == pytest.approx(F.cross_entropy(scores, torch.tensor(labels)).item(), rel=1e-5)
    predicted = head.predict(features)
    assert torch.allclose(torch.stack([sample.pred_score for sample in predicted]), scores.softmax(1))
    assert [sample.pred_label.item() for sample in predicted] == scores.argmax(1).tolist()


def test_any_number_of_labels_a_picture():
    """Binary cross-entropy, added up over the classes and averaged over the pictures; the predicted scores are sigmoids."""
    head, features, labels = build('MultiLabelLinearClsHead').eval(), (torch.rand(4, 40), ), [[], [2], [0, 6], list(range(7))]
    scores, truth = head(features), torch.zeros(4, 7)
    for picture, present in enumerate(labels):
        truth[picture, present] = 1
    with_one_hot = [sample.set_gt_score(row) for sample, row in zip(samples_of(labels), truth)]
    expected = F.binary_cross_entropy_with_logits(scores, truth, reduction='none').sum(1).mean().item()
    for samples in (with_one_hot, samples_of(labels)):
        assert head.loss(features, samples)['loss'].item() == pytest.approx(expected, rel=1e-5)
    predicted = head.predict(features)
    assert torch.allclose(torch.stack([sample.pred_score for sample in predicted]), scores.sigmoid())


@pytest.mark.parametrize('kind', KINDS)
def test_weights_are_named_as_in_mmpretrain(kind):
    """So that checkpoints of its classifiers fit."""
    ours, theirs = build(kind), MODELS.build(dict(type=kind, num_classes=7, in_channels=40))
    theirs.load_state_dict(ours.state_dict())
    features = (torch.rand(3, 40), )
    assert torch.equal(ours.eval()(features), theirs.eval()(features))
