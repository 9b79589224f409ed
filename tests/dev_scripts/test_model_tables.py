import json
import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from mmengine.registry import init_default_scope
from pages import model_tables

from mmmux.models import ARCHITECTURES
from mmmux.tasks import Classification, MultiLabelClassification, Segmentation

ROOT = Path(__file__).resolve().parents[2]
METHODS = {'ssdlite': 'mmdet', 'ppm': 'mmseg', 'c1': 'mmseg', 'classification': 'mmpretrain'}


@pytest.fixture(autouse=True)
def _scope():
    yield
    init_default_scope('mmengine')


def cells(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without the line below its head."""
    lines = [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]
    assert set(lines[1]) == {'---'} and len({len(line) for line in lines}) == 1
    return [lines[0], *lines[2:]]


@pytest.fixture
def repository(tmp_path):
    """A repository with one config of a method, results of ours and figures of the paper."""
    def make(method: str, config: str, runs: list[dict], paper: str | None = None) -> Path:
        shutil.copytree(ROOT / 'configs/_base_', tmp_path / 'configs/_base_')
        (tmp_path / 'configs' / method).mkdir()
        shutil.copy(ROOT / 'configs' / method / config, tmp_path / 'configs' / method)
        (tmp_path / 'docs/results').mkdir(parents=True)
        (tmp_path / 'docs/paper_figures.json').write_text(json.dumps(dict(configs={config: paper} if paper else {})))
        for number, run in enumerate(runs):  # on pages of their own
            (tmp_path / f'docs/results/page{number}.json').write_text(json.dumps(dict(runs=[run])))
        (tmp_path / 'docs/results/other.json').write_text('{}')  # of something that is no training
        return tmp_path

    return make


CLASSIFIER = ('classification', 'muxnet-xs_1xb128-25e_cifar10-folders-32.py', 'accuracy/top1', 671_863, 5_510_560, (32, 32))
DETECTOR = ('ssdlite', 'ssdlite_muxnet-m_1xb32-200e_voc0712-320.py', 'pascal_voc/mAP', 3_168_704, 509_492_224, (320, 320))


@pytest.mark.parametrize(('method', 'config', 'metric', 'params', 'macs', 'size'), [CLASSIFIER, DETECTOR],
                         ids=['classifier', 'detector'])
class TestEntries:

    def test_average_the_seeds(self, repository, method, config, metric, params, macs, size):
        """Of this config; parameters and multiply-adds as torch counts them."""
        runs = [dict(config=config, metrics={metric: value}) for value in (0.5, 0.75, 1.)]
        runs.insert(1, dict(config='another.py', metrics={metric: 99.}))
        (entry, ) = model_tables.entries(repository(method, config, runs, 'the paper: 2'), method)
        assert entry.config.name == config and (entry.params, entry.macs, entry.size) == (params, macs, size)
        assert entry.score == pytest.approx(0.75) and entry.results.metric == metric
        (line, ) = cells(model_tables.config_table([entry], 'there/'))[1:]
        assert line[0] == f'[{config[:-3]}](there/{config})'
        assert line[5:] == [f'{0.75:.{entry.results.digits}f}', 'the paper: 2']

    def test_what_was_not_trained_says_so(self, repository, method, config, metric, params, macs, size):
        root = repository(method, config, [dict(config='another.py', metrics={metric: 99.})])
        (entry, ) = model_tables.entries(root, method)
        assert entry.score is None
        (line, ) = cells(model_tables.config_table([entry], ''))[1:]
        assert line[5:] == ['not trained yet', '-']
        (model, ) = yaml.safe_load(model_tables.metafile([entry], 'Name', root))['Models']
        assert 'Results' not in model


def entry(name: str, results, **changes) -> model_tables.Entry:
    values = dict(config=ROOT / 'configs/method' / f'{name}.py', params=2_086_086, macs=216_808_112, size=(224, 192),
                  results=results, score=None, paper='')
    return model_tables.Entry(**{**values, **changes})


class TestTables:

    @pytest.mark.parametrize(('name', 'results', 'data_set'), [
        ('muxnet-m_8xb96-450e_imagenet-224', Classification.results, 'ImageNet val'),
        ('muxnet-m_1xb96-50e_cifar10-224', Classification.results, 'CIFAR-10 test'),
        ('muxnet-m_1xb96-50e_cifar100-224', Classification.results, 'CIFAR-100 test'),
        ('muxnet-m_1xb96-50e_cifar100-224-autoaugment-cutout', Classification.results, 'CIFAR-100 test'),
        ('muxnet-m_1xb128-25e_cifar10-folders-32', Classification.results, 'a tenth of CIFAR-10'),
        ('muxnet-m_1xb64-30e_chestxray14-224', MultiLabelClassification.results, 'ChestX-ray14 test'),
        ('c1_muxnet-m-d8_1xb4-1200it_camvid-192x256', Segmentation.results, 'CamVid val')])
    def test_data_set_is_the_names(self, name, results, data_set):
        assert entry(name, results).data_set == data_set

    def test_costs_and_size(self):
        rows = [entry('a_cifar10-224', Classification.results),
                entry('b_imagenet', MultiLabelClassification.results, macs=5_510_560)]
        head, *lines = cells(model_tables.config_table(rows, ''))
        assert [line[2:5] for line in lines] == [['2.09 M', '0.22 G', '224 x 192'], ['2.09 M', '5.5 M', '224 x 192']]
        assert 'top-1 or mean AUROC (ours)' in head

    def test_metafile_is_openmmlabs(self):
        rows = [entry('a_cifar10-224', Classification.results, score=98.),
                entry('a_chestxray14', MultiLabelClassification.results, score=0.84123456)]
        found = yaml.safe_load(model_tables.metafile(rows, 'Classification', ROOT))
        assert found['Collections'][0]['Name'] == 'Classification'
        assert found['Collections'][0]['README'] == 'configs/classification/README.md'
        top1, auroc = found['Models']
        assert top1 == {
            'Name': 'a_cifar10-224', 'In Collection': 'Classification', 'Config': 'configs/method/a_cifar10-224.py',
            'Metadata': {'Training Data': 'CIFAR-10', 'FLOPs': 216_808_112, 'Parameters': 2_086_086, 'Input size': '224 x 192'},
            'Results': [{'Task': 'Image Classification', 'Dataset': 'CIFAR-10 test', 'Metrics': {'Top 1 Accuracy': 98.}}]}
        assert auroc['Results'][0]['Metrics'] == {'mean AUROC': 0.8412}

    def test_backbones_are_counted_beside_the_papers_figures(self):
        """The release's counts of m and l; the paper's figures of all four."""
        _, *lines = cells(model_tables.backbone_table(ROOT))
        assert [line[0] for line in lines] == [f'MUXNet-{name}' for name in ARCHITECTURES]
        assert lines[2] == ['MUXNet-m', '3,354,276', '216,808,112', '3.4 M', '218 M', '75.3 %']
        assert lines[3] == ['MUXNet-l', '4,041,178', '316,454,832', '4.0 M', '318 M', '76.6 %']
        assert [line[3:] for line in lines[:2]] == [['1.8 M', '66 M', '66.7 %'], ['2.4 M', '117 M', '71.6 %']]


class TestReplaced:

    def test_only_between_the_markers(self):
        text = 'a\n<!-- one -->\nold\n<!-- end one -->\nb\n<!-- two -->\nkept\n<!-- end two -->\n'
        assert model_tables.replaced(text, 'one', r'new \1') == text.replace('old', r'new \1')
        assert model_tables.replaced(text, 'two', 'new') == text.replace('kept', 'new')

    @pytest.mark.parametrize('text', ['', '<!-- one -->\nno end', '<!-- end one -->\n<!-- one -->\n'])
    def test_needs_both_markers(self, text):
        with pytest.raises(ValueError, match='<!-- one -->'):
            model_tables.replaced(text, 'one', 'new')


class TestPublished:

    @pytest.mark.parametrize('method', METHODS)
    def test_every_config_is_in_its_table_and_metafile(self, method):
        names = {path.stem for path in (ROOT / 'configs' / method).glob('*.py')}
        readme = (ROOT / f'configs/{method}/README.md').read_text()
        table = re.search(rf'<!-- {method} -->\n(.*)<!-- end {method} -->', readme, re.S)[1]
        assert {line[0].split(']')[0].lstrip('[') for line in cells(table.strip())[1:]} == names
        metafile = yaml.safe_load((ROOT / f'configs/{method}/metafile.yml').read_text())
        assert {model['Name'] for model in metafile['Models']} == names
        assert all((ROOT / model['Config']).is_file() for model in metafile['Models'])
        assert all((ROOT / collection['README']).is_file() for collection in metafile['Collections'])
        assert f'configs/{method}/metafile.yml' in yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']

    @pytest.mark.parametrize('name', json.loads((ROOT / 'docs/paper_figures.json').read_text())['configs'])
    def test_figures_of_the_paper_are_of_configs_that_are_there(self, name):
        assert len(list((ROOT / 'configs').glob(f'*/{name}'))) == 1

    @pytest.mark.slow
    def test_every_document_is_up_to_date(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, 'argv', ['update_pages.py', '--check'])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / '.dev_scripts/update_pages.py'), run_name='__main__')
        assert ended.value.code == 0, capsys.readouterr().out
