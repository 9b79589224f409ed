import json
import pickle
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from facts import assert_facts
from PIL import Image

from mmmux.datasets.drawn_shapes import draw_data_set

TOOL = 'analysis_tools/precision_recall.py'
SHAPES = 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
FOLDERS = 'classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py'
CLASSES = ('circle', 'square', 'triangle', 'cross')


@pytest.fixture
def data(tmp_path):
    return draw_data_set(tmp_path / 'data', train=1, test=3, size=96)


def labels_of(data, name: str) -> dict:
    """The labels of a picture as if they were predicted."""
    objects = list(ET.parse(data / f'VOC2007/Annotations/{name}.xml').getroot().iter('object'))
    corners = [[float(each.find('bndbox').findtext(side)) - 1 for side in ('xmin', 'ymin', 'xmax', 'ymax')] for each in objects]
    return dict(bboxes=np.array(corners), labels=np.array([CLASSES.index(each.findtext('name')) for each in objects]),
                scores=np.linspace(0.5, 0.9, len(objects)))


def test_detector_that_predicts_the_labels(tool, configs, data, tmp_path):
    names = (data / 'VOC2007/ImageSets/Main/test.txt').read_text().split()
    found = [dict(pred_instances=labels_of(data, name)) for name in names]
    (tmp_path / 'found.pkl').write_bytes(pickle.dumps(found))
    out = tool(TOOL, configs / SHAPES, tmp_path / 'found.pkl', '--out-dir', tmp_path / 'out', '--cfg-options',
               f'test_dataloader.dataset.data_root={data}')
    stored = json.loads((tmp_path / 'out/precision_recall.json').read_text())
    present = {CLASSES[label] for each in found for label in each['pred_instances']['labels']}
    assert present and all(stored['classes'][name]['best']['f1'] == 1 for name in present)
    assert stored['metrics']['AP'] == pytest.approx(1) and str(tmp_path / 'out/precision_recall.png') in out
    assert Image.open(tmp_path / 'out/precision_recall.png').width > 500


def test_predictions_of_other_data(fails, configs, data, tmp_path):
    (tmp_path / 'found.pkl').write_bytes(pickle.dumps([dict(pred_instances={})]))
    sentence = fails(TOOL, configs / SHAPES, tmp_path / 'found.pkl', '--cfg-options',
                     f'test_dataloader.dataset.data_root={data}')
    assert_facts(sentence, tmp_path / 'found.pkl', 1, 3)


def test_classifier(tool, configs, tmp_path):
    scores = np.eye(10) * 0.8 + 0.1
    found = [dict(pred_score=scores[number % 10], gt_label=np.array([number % 10])) for number in range(20)]
    found[0]['gt_label'] = np.array([1])  # an airplane that is labelled as an automobile
    (tmp_path / 'found.pkl').write_bytes(pickle.dumps(found))
    (tmp_path / 'cifar').mkdir()
    tool(TOOL, configs / FOLDERS, tmp_path / 'found.pkl', '--out-dir', tmp_path / 'out', '--cfg-options',
         f'test_dataloader.dataset.data_root={tmp_path / "cifar"}', 'test_dataloader.dataset.data_prefix=""')
    classes = json.loads((tmp_path / 'out/precision_recall.json').read_text())['classes']
    assert (classes['airplane']['best']['precision'], classes['airplane']['best']['recall']) == (0.5, 1.)
    assert classes['automobile']['best']['recall'] == pytest.approx(2 / 3) and classes['ship']['best']['f1'] == 1
