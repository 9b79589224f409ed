"""What differs between tasks stands in mmmux/tasks: the rest of the package asks the task and never which one it is."""
from pathlib import Path

import pytest
from task_branches import task_branches

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ('mmmux', 'tools') for path in sorted((REPOSITORY / folder).rglob('*.py'))
           if not path.is_relative_to(REPOSITORY / 'mmmux/tasks') and not path.is_relative_to(REPOSITORY / 'mmmux/utils')]


def test_no_file_tells_tasks_apart():
    found = [f'{path.relative_to(REPOSITORY)}:{place}' for path in SOURCES for place in task_branches(path.read_text())]
    assert found == []
    assert {'mmmux/apis/inferencer.py', 'mmmux/deploy/export.py', 'tools/test.py'} <= {
        path.relative_to(REPOSITORY).as_posix() for path in SOURCES}


def test_the_tasks_themselves_do():
    """The search finds the branches in mmmux/tasks, so it can find them elsewhere, too."""
    tasks = [place for path in (REPOSITORY / 'mmmux/tasks').glob('*.py') for place in task_branches(path.read_text())]
    assert {place.split(': ')[1] for place in tasks} >= {'comparison', 'getattr'}


@pytest.mark.parametrize(('source', 'kind'), [
    ("cfg.default_scope == 'mmdet'", 'comparison'),
    ("cfg.get('default_scope') != 'mmseg'", 'comparison'),
    ("'mmpretrain' == scope", 'comparison'),
    ("task in ('segmentation', 'classification')", 'comparison'),
    ("kind not in {'detector'}", 'comparison'),
    ("SCOPES = ('mmdet', 'mmseg')\nscope in SCOPES", 'comparison'),
    ("KIND = 'Segmentation'\nname == KIND", 'comparison'),
    ("'Seg' + 'x'\n'SegDataPreProcessor' in str(kind)", 'comparison'),
    ("cfg.model.type.endswith('Classifier')", 'comparison'),
    ("re.search('EncoderDecoder|Segmentor', kind)", 'comparison'),
    ('from mmmux.tasks import Detection\ntype(task) is Detection', 'comparison'),
    ("match scope:\n    case 'mmdet':\n        pass", 'match'),
    ("match scope:\n    case 'mmseg' | 'other':\n        pass", 'match'),
    ('from mmdet.models import SSDHead\nmatch head:\n    case SSDHead():\n        pass', 'match'),
    ("{'mmdet': 1, 'other': 2}[scope]", 'dictionary'),
    ('dict(detection=draw_boxes)', 'dictionary'),
    ("dict.fromkeys(('mmdet', 'mmseg'))", 'dictionary'),
    ("table['classifier'] = draw_scores", 'dictionary'),
    ('from mmseg.structures import SegDataSample as Sample\nisinstance(sample, Sample)', 'isinstance'),
    ('import mmpretrain.models as theirs\nissubclass(kind, (int, theirs.ImageClassifier))', 'issubclass'),
    ('from mmmux.tasks.detection import Detection\nisinstance(task, Detection)', 'isinstance'),
    ("isinstance(model, MODELS.get('mmdet.SSD'))", 'isinstance'),
    ("hasattr(model, 'decode_head')", 'hasattr'),
    ("getattr(model, 'bbox_head', None)", 'getattr'),
    ("'pred_sem_seg' in sample", 'field of a sample'),
    ('def segments(cfg):\n    return True', 'helper'),
    ('def _classifies(cfg):\n    return True', 'helper'),
    ('def is_detector(model):\n    return True', 'helper'),
    ('segments = lambda cfg: cfg.seg', 'helper')])
def test_finds(source, kind):
    assert [place.split(': ')[1] for place in task_branches(source)] == [kind]


@pytest.mark.parametrize('source', [
    "if find_spec('mmdet') is not None:\n    from .voc_metric import VOCMetric",
    'from mmdet.models import SSDHead as MMDetSSDHead\nclass SSDHead(MMDetSSDHead):\n    pass',
    "MODULE2PACKAGE['mmseg'] = 'mmseg'",
    "DATASETS.build(dict(type='mmdet.VOCDataset'))",
    "raise ConfigError('a classifier needs classes')",
    "title != 'classes'",
    'from mmmux.models import MUXNet\nisinstance(module, MUXNet)',
    "versions.get('mmdet')",
    "getattr(self, 'pred_score')",
    'def draw_detections(cfg):\n    pass'])
def test_lets_pass(source):
    assert task_branches(source) == []
