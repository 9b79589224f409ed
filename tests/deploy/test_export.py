"""Exports of whole models, run by the runtimes themselves."""
import json
import runpy
import sys
from functools import partial
from pathlib import Path

import numpy
import pytest
import torch
from exported_files import read_description
from facts import find_line, raises
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmmux.datasets.drawn_shapes import draw_data_set
from mmmux.deploy import export as export_module
from mmmux.deploy.export import Export
from mmmux.deploy.runtimes import FORMATS, runtime_of
from mmmux.tasks import Detection
from mmmux.utils.errors import CheckpointError, ConfigError, DatasetError, ExportError

REPOSITORY = Path(__file__).resolve().parents[2]
export = partial(export_module.export, task=Detection())
DETECTOR = REPOSITORY / 'configs/ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
pytest.importorskip('mmdet')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return draw_data_set(tmp_path_factory.mktemp('data'), train=2, test=4, size=96)


@pytest.fixture
def cfg(data):
    cfg = Config.fromfile(DETECTOR)
    cfg.test_dataloader.dataset.data_root = str(data)
    return cfg


@pytest.fixture
def checkpoint(cfg, as_trained, tmp_path):
    init_default_scope('mmdet')
    model = as_trained(MODELS.build(cfg.model))
    for convs in (model.bbox_head.cls_convs, model.bbox_head.reg_convs):
        for conv in convs:
            conv[-1].weight.data.mul_(0.02)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'trained.pth')
    return str(tmp_path / 'trained.pth')


def installed(name):
    pytest.importorskip(dict(onnx='onnxruntime', openvino='openvino', torchscript='torch')[name])
    return runtime_of(name)


@pytest.mark.parametrize('name, raw, precision, dynamic', [
    ('onnx', False, 'fp32', False), pytest.param('onnx', True, 'fp32', True, marks=pytest.mark.nightly),
    pytest.param('onnx', False, 'fp16', True, marks=pytest.mark.slow),
    pytest.param('openvino', False, 'fp32', True, marks=pytest.mark.slow),
    pytest.param('openvino', True, 'fp16', False, marks=pytest.mark.nightly),
    ('torchscript', True, 'fp32', False), pytest.param('torchscript', True, 'fp32', True, marks=pytest.mark.slow)])
def test_a_file_that_agrees_with_the_trained_model_and_describes_itself(name, raw, precision, dynamic, cfg, checkpoint,
                                                                        tmp_path):
    runtime = installed(name)
    out = tmp_path / 'folder' / f'model{runtime.SUFFIX}'
    report = export(cfg, checkpoint, Export(name, 160, 128, dynamic, precision, raw), out)
    assert report['checked'] == (5 if dynamic else 4) and report['bytes'] > 2e6
    description = read_description(out)
    assert description['task'] == 'detection' and description['classes'] == list(cfg.test_dataloader.dataset.metainfo.classes)
    assert description['input']['channels'] == 'RGB' and description['input']['height'] == ('any' if dynamic else 160)
    assert description['input']['mean'] == pytest.approx([123.675, 116.28, 103.53])
    outputs = runtime.load(out, threads=1)(numpy.zeros((1, 3, 160, 128), numpy.float32))
    assert len(outputs) == len(description['outputs']) == (2 if raw else 3)


@pytest.mark.slow
def test_onnx_has_dense_and_depthwise_convolutions_alone(cfg, checkpoint, tmp_path):
    # It has no fast way for others.
    onnx = pytest.importorskip('onnx')
    export(cfg, checkpoint, Export('onnx', 160, 160), tmp_path / 'model.onnx')
    graph = onnx.load(tmp_path / 'model.onnx').graph
    channels = {weight.name: weight.dims for weight in graph.initializer}
    convs = [(next(entry.i for entry in node.attribute if entry.name == 'group'), channels[node.input[1]])
             for node in graph.node if node.op_type == 'Conv']
    assert len(convs) > 100 and all(group == 1 or dims[1] == 1 for group, dims in convs)


@pytest.mark.slow
@pytest.mark.parametrize('opset', [pytest.param(13, marks=pytest.mark.nightly), 20])
def test_the_first_and_the_last_operator_set(opset, cfg, checkpoint, tmp_path):
    onnx = pytest.importorskip('onnx')
    assert export(cfg, checkpoint, Export('onnx', 160, 128, raw=True, opset=opset), tmp_path / 'model.onnx')['checked'] == 4
    assert max(entry.version for entry in onnx.load(tmp_path / 'model.onnx').opset_import) == opset


@pytest.mark.slow
@pytest.mark.parametrize('precision, dynamic', [
    ('fp32', False), pytest.param('fp32', True, marks=pytest.mark.nightly),
    pytest.param('fp16', False, marks=pytest.mark.nightly)])
def test_gates_are_spread_where_onnx_runtime_has_a_blocked_layout_for_them(precision, dynamic, cfg, checkpoint, tmp_path):
    onnx = pytest.importorskip('onnx')
    export(cfg, checkpoint, Export('onnx', 160, 160, dynamic, precision, raw=True), tmp_path / 'model.onnx')
    kinds = [node.op_type for node in onnx.load(tmp_path / 'model.onnx').graph.node]
    # 31 gates: one in each of 6 blocks, one for each third of the early block, one for each half in 11.
    assert kinds.count('Resize') == (31 if precision == 'fp32' and not dynamic else 0)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['onnx', pytest.param('openvino', marks=pytest.mark.nightly)])
def test_int8_reports_the_metric_before_and_after(name, cfg, checkpoint, tmp_path):
    runtime = installed(name)
    if name == 'openvino':
        pytest.importorskip('nncf')
    out = tmp_path / f'model{runtime.SUFFIX}'
    report = export(cfg, checkpoint, Export(name, 160, 160, precision='int8', calibration=4, measured=2), out)
    before, after = report['metrics']['pascal_voc/mAP']
    assert 0 <= before <= 1 and 0 <= after <= 1
    in_float32 = 4 * sum(weight.numel() for weight in torch.load(checkpoint)['state_dict'].values())
    assert report['bytes'] < 0.7 * in_float32


@pytest.mark.slow
def test_a_file_that_disagrees_is_set_aside(cfg, checkpoint, tmp_path, monkeypatch):
    right = export_module.exact_form

    def damaged(model, *options):
        exact = right(model, *options)
        exact.backbone.stem[0].weight.mul_(1.1)
        return exact

    monkeypatch.setattr(export_module, 'exact_form', damaged)
    with raises(ExportError, 'torchscript', 'picture 0', tmp_path / 'model.pt.failed'):
        export(cfg, checkpoint, Export('torchscript', 160, 160, raw=True), tmp_path / 'model.pt')
    assert not (tmp_path / 'model.pt').exists() and (tmp_path / 'model.pt.failed').exists()


@pytest.mark.parametrize('options, out, error, facts', [
    (dict(format='torchscript', height=31, width=160), 'model.pt', ConfigError, ['--shape 31 160', '32 x 32']),
    (dict(format='torchscript', height=160, width=160), 'model.onnx', ConfigError, ['model.onnx', '.pt']),
    (dict(format='torchscript', height=160, width=160, precision='int8'), 'model.pt', ConfigError,
     ['--precision int8', 'torchscript', 'fp32, fp16']),
    (dict(format='onnx', height=160, width=160, precision='int8', calibration=0), 'model.onnx', ConfigError,
     ['--calibration', 'int8', 0]),
    (dict(format='torchscript', height=160, width=160), 'model.pt', ConfigError, ['TorchScript', '--raw', 'onnx', 'openvino']),
    (dict(format='tflite', height=160, width=160), 'model.tflite', ConfigError, ["'tflite'", 'onnx, openvino, torchscript']),
    (dict(format='torchscript', height=160, width=160, raw=True, pictures=[Path('nothing')]), 'model.pt', DatasetError,
     ['--pictures nothing', '.jpg', '.png']),
])
def test_wrong_options_are_refused(options, out, error, facts, cfg, checkpoint, tmp_path):
    if options['format'] == 'onnx':
        installed('onnx')
    with raises(error, *facts):
        export(cfg, checkpoint, Export(**options), tmp_path / out)


def test_missing_weights_and_pictures_are_refused(cfg, checkpoint, tmp_path):
    wanted = Export('torchscript', 160, 160, raw=True)
    with raises(CheckpointError, 'none.pth'):
        export(cfg, 'none.pth', wanted, tmp_path / 'model.pt')
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), tmp_path / 'other.pth')
    with raises(CheckpointError, tmp_path / 'other.pth', "'weight'", "'backbone.stem.0.weight'"):
        export(cfg, str(tmp_path / 'other.pth'), wanted, tmp_path / 'model.pt')
    cfg.test_dataloader.dataset.data_root = 'nowhere'
    with raises(DatasetError, 'test_dataloader', 'nowhere', '--pictures'):
        export(cfg, checkpoint, wanted, tmp_path / 'model.pt')


@pytest.mark.slow
def test_an_old_operator_set_is_refused(cfg, checkpoint, tmp_path):
    installed('onnx')
    with raises(ConfigError, '--opset', 9, 13, 20):
        export(cfg, checkpoint, Export('onnx', 160, 160, opset=9), tmp_path / 'model.onnx')


def test_a_runtime_that_is_missing_names_the_extra(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    for name in ('onnx', 'openvino'):
        with raises(ConfigError, name, "pip install 'mmmux[deploy]'"):
            FORMATS[name].check_installed()


@pytest.mark.slow
def test_the_tool(cfg, checkpoint, data, tmp_path, monkeypatch, capsys):
    def tool(*options):
        monkeypatch.setattr(sys, 'argv', ['export.py', str(DETECTOR), checkpoint, *options, '--cfg-options',
                                          f'test_dataloader.dataset.data_root={data}'])
        runpy.run_path(str(REPOSITORY / 'tools/export.py'), run_name='__main__')

    out = tmp_path / 'model.pt'
    tool('--format', 'torchscript', '--raw', '--tune', '--shape', '64', '64', '--out', str(out))
    printed = capsys.readouterr().out
    report = json.loads(printed[printed.index('{'):])
    assert report['checked'] == 4 and list(report['forms']) == ['1', '2', '3', '4', '5']
    with pytest.raises(SystemExit) as ended:
        tool('--format', 'torchscript', '--out', str(out))
    assert ended.value.code == 2
    assert find_line(capsys.readouterr().err, 'TorchScript', '--raw').startswith('error: ')
