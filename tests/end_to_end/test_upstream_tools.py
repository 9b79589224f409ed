"""The analysis tools of mmdet, mmseg and mmpretrain with our configs, checkpoints and predictions: docs/openmmlab_tools.md.

The tools run as their packages ship them. Those that fail upstream are expected to fail, so that the table is corrected when
they are fixed.
"""
import hashlib
import json
from importlib import import_module
from pathlib import Path

import mmengine
import numpy as np
import pytest
import small_trainings
import torch
from mmengine.config import Config
from PIL import Image
from sklearn.metrics import confusion_matrix as confusion_of
from telling_weights import save_weights

from mmmux.checkpoints.safe_loading import load_checkpoint_file

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = dict(mmdet='detector', mmseg='segmentor', mmpretrain='classifier')


@pytest.fixture(scope='module')
def files(tool_in, tmp_path_factory):
    """For each package a config, a checkpoint as a training leaves it, and what our test wrote with it."""
    found = {}
    for package, kind in PACKAGES.items():
        folder = tmp_path_factory.mktemp(kind)
        config = getattr(small_trainings, kind)(folder)
        weights = save_weights(Config.fromfile(config), folder / 'weights.pth')
        out = folder / ('label_maps' if package == 'mmseg' else 'predictions.pkl')
        tool_in(folder, 'test.py', config, weights, '--out', out, '--work-dir', folder / 'test')
        found[package] = dict(config=config, weights=weights, out=out, folder=folder)
    return found


@pytest.fixture
def upstream(forked_program, files, tmp_path):
    """Run a tool of a package; return its output. Names in braces stand for the files."""
    def run(package: str, tool: str, *arguments: str) -> str:
        path = Path(import_module(package).__file__).parent / '.mim/tools' / tool
        return forked_program(path, *(part.format(tmp=tmp_path, **files[package]) for part in arguments), cwd=tmp_path)

    return run


STOCK_LOADER = ('--cfg-options', 'train_dataloader.dataset.pipeline.0.type=LoadImageFromFile')
WORKING = [
    ('mmdet', 'analysis_tools/analyze_results.py', '{config} {out} {tmp}/seen --topk 1', ('seen/bad', 'seen/good'),
     STOCK_LOADER),
    ('mmdet', 'analysis_tools/confusion_matrix.py', '{config} {out} {tmp}/seen', ('seen/confusion_matrix.png', ), ()),
    ('mmdet', 'analysis_tools/browse_dataset.py', '{config} --output-dir {tmp}/seen --not-show', ('seen', ), ()),
    ('mmdet', 'analysis_tools/get_flops.py', '{config} --num-images 1', (), ()),
    ('mmdet', 'analysis_tools/eval_metric.py', '{config} {out}', (), ()),
    ('mmdet', 'misc/print_config.py', '{config}', (), ()),
    ('mmseg', 'misc/print_config.py', '{config}', (), ()),
    ('mmpretrain', 'analysis_tools/analyze_results.py', '{config} {out} --out-dir {tmp}/seen', ('seen/fail', ), ()),
    ('mmpretrain', 'analysis_tools/confusion_matrix.py', '{config} {out} --show-path {tmp}/cm.png', ('cm.png', ), ()),
    ('mmpretrain', 'analysis_tools/get_flops.py', '{config} --shape 32', (), ()),
    ('mmpretrain', 'analysis_tools/eval_metric.py', '{out} --metric type=Accuracy topk=1', (), ()),
    ('mmpretrain', 'misc/print_config.py', '{config}', (), ()),
]
BROKEN = [
    ('mmdet', 'model_converters/publish_model.py', '{weights} {tmp}/published.pth', ()),
    ('mmseg', 'misc/publish_model.py', '{weights} {tmp}/published.pth', ()),
    ('mmpretrain', 'model_converters/publish_model.py', '{weights} {tmp}/published.pth', ()),
    ('mmseg', 'analysis_tools/confusion_matrix.py', '{config} {out} {tmp}/seen', ()),
    ('mmseg', 'analysis_tools/browse_dataset.py', '{config} --output-dir {tmp}/seen --not-show', ()),
    ('mmseg', 'analysis_tools/get_flops.py', '{config} --shape 64 96', ()),
    ('mmpretrain', 'visualization/browse_dataset.py', '{config} -o {tmp}/seen -n 2 -p test', ()),
]
SAID = {'eval_metric.py': ('pascal_voc/mAP', 'accuracy/top1'), 'get_flops.py': ('Flops', ), 'print_config.py': ('LoadImage', )}


@pytest.mark.slow
@pytest.mark.parametrize(('package', 'tool', 'arguments', 'written', 'options'), WORKING,
                         ids=[f'{package}-{Path(tool).stem}' for package, tool, *_ in WORKING])
def test_works(upstream, tmp_path, package, tool, arguments, written, options):
    printed = upstream(package, tool, *arguments.split(), *options)
    for name in written:
        path = tmp_path / name
        assert path.is_file() or any(file.is_file() for file in path.rglob('*')), printed[-1000:]
    assert any(word in printed for word in SAID.get(Path(tool).name, ('', )))


@pytest.mark.slow
@pytest.mark.parametrize(('package', 'tool', 'arguments', 'options'), BROKEN,
                         ids=[f'{package}-{Path(tool).stem}' for package, tool, *_ in BROKEN])
@pytest.mark.xfail(strict=True, raises=AssertionError, reason='fails upstream with any config: docs/openmmlab_tools.md')
def test_fails_upstream(upstream, package, tool, arguments, options):
    upstream(package, tool, *arguments.split(), *options)


@pytest.mark.slow
class TestOurs:
    """Our tools replace those that fail upstream, and serve all three packages."""

    @pytest.mark.parametrize('package', PACKAGES)
    def test_published_weights_are_the_trainings_and_need_no_mmmux(self, tool, files, tmp_path, capsys, package):
        tool('model_converters/publish_model.py', files[package]['weights'], tmp_path / 'there/published.pth')
        path, = (tmp_path / 'there').iterdir()
        assert str(path) in capsys.readouterr().out
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.name == f'published-{digest[:8]}.pth'
        published = torch.load(path, weights_only=True)  # torch's own reader
        before = load_checkpoint_file(files[package]['weights'])
        assert set(published) == {'meta', 'state_dict'} and published['state_dict'].keys() == before['state_dict'].keys()
        assert all(torch.equal(value, published['state_dict'][key]) for key, value in before['state_dict'].items())
        assert tuple(published['meta']['dataset_meta']['classes']) == tuple(before['meta']['dataset_meta']['classes'])
        tool('test.py', files[package]['config'], path, '--work-dir', tmp_path / 'test')
        theirs = json.loads((files[package]['folder'] / 'test/metrics.json').read_text())
        assert json.loads((tmp_path / 'test/metrics.json').read_text()) == pytest.approx(theirs, nan_ok=True)

    def matrix(self, tool, files, package: str, folder: Path, *options) -> dict:
        tool('analysis_tools/confusion_matrix.py', files[package]['config'], files[package]['out'], '--out-dir', folder,
             *options)
        assert (folder / 'confusion_matrix.png').is_file()
        return json.loads((folder / 'confusion_matrix.json').read_text())

    def test_classifier(self, tool, files, tmp_path):
        found = self.matrix(tool, files, 'mmpretrain', tmp_path)
        dumped = mmengine.load(files['mmpretrain']['out'])
        pairs = [[int(sample[key]) for sample in dumped] for key in ('gt_label', 'pred_label')]
        assert found['matrix'] == confusion_of(*pairs, labels=range(10)).tolist()

    def test_segmentor(self, tool, files, tmp_path):
        """Of all pixels that have a label, read from the files themselves."""
        found = self.matrix(tool, files, 'mmseg', tmp_path)
        data = files['mmseg']['folder'] / 'scenes/annotations/validation'
        maps = [(path, files['mmseg']['out'] / path.name) for path in sorted(data.glob('*.png'))]
        labelled, predicted = (np.concatenate([np.asarray(Image.open(pair[side])).ravel() for pair in maps]) for side in (0, 1))
        classes = len(found['classes'])
        kept = labelled != 0
        assert found['matrix'] == confusion_of(labelled[kept], predicted[kept], labels=range(1, classes + 1)).tolist()

    def test_detector_counts_each_object_and_each_box_once(self, tool, files, tmp_path):
        found = self.matrix(tool, files, 'mmdet', tmp_path, '--threshold', 0.1)
        matrix, classes = np.array(found['matrix']), len(found['classes'])
        dumped = mmengine.load(files['mmdet']['out'])
        boxes = np.concatenate([np.asarray(sample['pred_instances']['labels'])[np.asarray(
            sample['pred_instances']['scores']) >= 0.1] for sample in dumped])
        objects = (files['mmdet']['folder'] / 'shapes/VOC2007/ImageSets/Main/test.txt').read_text().split()
        names = [name for picture in objects for name in (
            files['mmdet']['folder'] / f'shapes/VOC2007/Annotations/{picture}.xml').read_text().split('<name>')[1:]]
        assert matrix[:, :-1].sum(0).tolist() == np.bincount(boxes, minlength=classes - 1).tolist()
        assert matrix[:-1].sum() == len(names) and matrix[-1, -1] == 0

    @pytest.mark.parametrize(('package', 'given'), [('mmdet', 'gone.pkl'), ('mmseg', 'gone'), ('mmpretrain', 'gone.pkl')])
    def test_missing_predictions(self, fails, files, tmp_path, package, given):
        assert str(tmp_path / given) in fails('analysis_tools/confusion_matrix.py', files[package]['config'], tmp_path / given)

    def test_predictions_of_another_test(self, fails, files, tmp_path):
        mmengine.dump(mmengine.load(files['mmdet']['out'])[:1], tmp_path / 'fewer.pkl')
        sentence = fails('analysis_tools/confusion_matrix.py', files['mmdet']['config'], tmp_path / 'fewer.pkl')
        assert f'{tmp_path}/fewer.pkl has 1 predictions' in sentence
