import pytest
import torch
from facts import raises
from PIL import Image

from mmmux.analysis import anchors
from mmmux.datasets.drawn_shapes import draw_data_set
from mmmux.utils.errors import ConfigError, DatasetError

STANDARD = dict(
    type='SSDAnchorGenerator', scale_major=False, strides=[16, 32, 64, 107, 160, 320], ratios=[[2, 3]] * 6,
    min_sizes=[48, 100, 150, 202, 253, 304], max_sizes=[100, 150, 202, 253, 304, 320])
# Few anchors, so that a search is short.
COARSE = dict(type='SSDAnchorGenerator', scale_major=False, strides=[32, 64, 107], ratios=[[2]] * 3, min_sizes=[100, 150, 202],
              max_sizes=[150, 202, 253])


def boxes_of(corners, labels=None, classes=('a', 'b')) -> anchors.TrainingBoxes:
    corners = torch.as_tensor(corners, dtype=torch.float)
    labels = torch.zeros(len(corners), dtype=torch.long) if labels is None else labels
    return anchors.TrainingBoxes(corners, labels, classes, (320, 320))


def random_boxes(count: int, low: float, high: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.rand(count, 2, generator=generator) * (high - low) + low
    corners = torch.rand(count, 2, generator=generator) * (320 - sizes)
    return torch.cat([corners, corners + sizes], 1)


def overlap(a, b) -> float:
    width, height = (max(0., min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    area_a, area_b = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return width * height / (area_a + area_b - width * height)


def test_best_overlaps_equal_brute_force():
    boxes, first, second = random_boxes(30, 5, 150), random_boxes(20, 20, 90, 1), random_boxes(7, 90, 300, 2)
    every = [*first.tolist(), *second.tolist()]
    expected = [max(overlap(box, anchor) for anchor in every) for box in boxes.tolist()]
    assert anchors.best_overlaps(boxes, [first, second]).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('name,size', [
    ('muxnet-m_1xb32-200e_voc0712-320', 320), ('muxnet-m_1xb32-200e_voc0712-300', 300), ('muxnet-m_1xb8-40e_bccd-320', 320),
    ('muxnet-m_1xb16-25e_shapes-160', 160), ('mobilenetv2_1xb8-40e_bccd-320', 320),
])
def test_anchors_are_the_heads_own(detector, config, name, size):
    """Our grid is computed from the strides; the head's grid has the sizes of its feature maps."""
    model = detector(name)
    with torch.no_grad():
        maps = [tuple(feature.shape[-2:]) for feature in model.extract_feat(torch.zeros(1, 3, size, size))]
    expected = model.bbox_head.prior_generator.grid_priors(maps, device='cpu')
    found = anchors.anchors(config(name).model.bbox_head.anchor_generator, (size, size))
    assert len(found) == len(expected) and all(map(torch.equal, found, expected))


class TestFitSizes:

    @pytest.mark.parametrize('low,high', [(25, 40), (20, 90), (8, 300)])
    def test_improves_on_sizes_that_do_not_fit(self, low, high):
        boxes = boxes_of(random_boxes(40, low, high))
        fitted = anchors.fit_sizes(boxes, COARSE)
        before, after = (anchors.best_overlaps(boxes.corners, anchors.anchors(cfg, (320, 320))).mean()
                         for cfg in (COARSE, fitted))
        assert after > before + 0.02

    @pytest.mark.parametrize('low,high', [(2, 4), (20, 22), (8, 300)])
    def test_sizes_grow_and_all_else_stays(self, low, high):
        fitted = anchors.fit_sizes(boxes_of(random_boxes(20, low, high)), COARSE)
        sizes = [*fitted['min_sizes'], fitted['max_sizes'][-1]]
        assert sizes == sorted(set(sizes)) and sizes[0] > 0
        assert fitted['min_sizes'][1:] == fitted['max_sizes'][:-1]
        unchanged = [{key: value for key, value in cfg.items() if 'sizes' not in key} for cfg in (fitted, COARSE)]
        assert unchanged[0] == unchanged[1]

    def test_rare_class_counts_as_much_as_a_common_one(self):
        """60 large boxes and 3 small ones: sizes that suit the large ones alone would miss every small one."""
        labels = torch.tensor([0] * 60 + [1] * 3)
        boxes = boxes_of(torch.cat([random_boxes(60, 150, 250), random_boxes(3, 40, 50)]), labels)
        overlaps = anchors.best_overlaps(boxes.corners, anchors.anchors(anchors.fit_sizes(boxes, COARSE), (320, 320)))
        assert overlaps[labels == 1].mean() > 0.4

    @pytest.mark.slow
    def test_same_seed_same_sizes(self):
        boxes = boxes_of(random_boxes(330, 10, 200))  # more than the 300 that the fit uses, so that some are drawn at random
        assert anchors.fit_sizes(boxes, COARSE) == anchors.fit_sizes(boxes, COARSE)

    @pytest.mark.parametrize('generator', [
        dict(type='AnchorGenerator', strides=[8], ratios=[1.], scales=[8]),
        dict(type='SSDAnchorGenerator', strides=[8], ratios=[[2]], basesize_ratio_range=(0.15, 0.9), input_size=300),
    ])
    def test_other_generators_are_refused(self, generator):
        with raises(ConfigError, 'model.bbox_head.anchor_generator', 'SSDAnchorGenerator', 'min_sizes', generator):
            anchors.fit_sizes(boxes_of(random_boxes(5, 10, 20)), generator)


def test_unmatched_by_class():
    corners = [(0, 0, 10, 10), (0, 0, 20, 20), (0, 0, 40, 40), (0, 0, 30, 30)]
    boxes = boxes_of(corners, torch.tensor([0, 0, 0, 1]), ('a', 'b', 'c'))
    rows = anchors.unmatched_by_class(boxes, torch.tensor([.1, .49, .5, .9]), 0.5)
    assert [(row['name'], row['boxes'], row['unmatched']) for row in rows] == [('a', 3, 2), ('b', 1, 0), ('c', 0, 0)]
    assert rows[0]['unmatched_sizes'] == [10.5, 15., 19.5] and rows[0]['sizes'][1] == 20
    assert rows[1]['unmatched_sizes'] == rows[2]['sizes'] == []


class TestTrainingBoxes:

    @pytest.fixture
    def shapes(self, config, tmp_path):
        draw_data_set(tmp_path, train=6, test=1, size=160)
        return config('shapes-160', **{'train_dataloader.dataset.data_root': str(tmp_path)})

    def test_are_the_annotated_ones_mirrored(self, shapes):
        from mmdet.registry import DATASETS
        boxes = anchors.training_boxes(shapes, max_pictures=100)
        dataset = DATASETS.build(shapes.train_dataloader.dataset)
        annotated = [(instance['bbox_label'], *(instance['bbox'][side + 2] - instance['bbox'][side] for side in (0, 1)))
                     for index in range(6) for instance in dataset.get_data_info(index)['instances']]
        read = [(int(label), *(corners[2:] - corners[:2]).tolist()) for label, corners in zip(boxes.labels, boxes.corners)]
        assert sorted(read) == sorted(annotated)
        assert boxes.classes == ('circle', 'square', 'triangle', 'cross') and boxes.input_size == (160, 160)
        expected = [(width * height)**0.5 for _, width, height in read]
        assert boxes.sizes.tolist() == pytest.approx(expected)

    def test_pictures_are_drawn_without_repetition(self, shapes):
        whole, half = (len(anchors.training_boxes(shapes, max_pictures=number).labels) for number in (6, 3))
        assert 3 <= half < whole

    def test_pass_through_the_resize(self, shapes):
        shapes.train_dataloader.dataset.pipeline.insert(2, dict(type='Resize', scale=(320, 80), keep_ratio=False))
        boxes = anchors.training_boxes(shapes, max_pictures=6)
        assert boxes.input_size in ((320, 80), (80, 320)) and boxes.corners[:, 2].max() > 160

    def test_none_at_all(self, shapes, tmp_path):
        for path in (tmp_path / 'VOC2007/Annotations').glob('*.xml'):
            path.write_text('<annotation/>')
        shapes.train_dataloader.dataset.filter_cfg = None
        with raises(DatasetError, '6 training pictures', 'train_dataloader.dataset'):
            anchors.training_boxes(shapes, max_pictures=6)


def test_plot(tmp_path):
    boxes = boxes_of(random_boxes(30, 10, 100), torch.arange(30) % 2)
    anchors.plot_fit(boxes, {'configured': STANDARD}, 0.5, tmp_path / 'anchors.png')
    with Image.open(tmp_path / 'anchors.png') as image:
        assert image.convert('L').getextrema() == (0, 255)
