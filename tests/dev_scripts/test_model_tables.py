import json
import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml
from facts import raises
from pages import model_tables

ROOT = Path(__file__).resolve().parents[2]
METHODS = ('ssdlite', 'ppm', 'c1', 'classification')


def cells(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without the line below its head."""
    lines = [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]
    assert set(lines[1]) == {'---'} and len({len(line) for line in lines}) == 1
    return [lines[0], *lines[2:]]


class TestReplaced:

    def test_only_between_the_markers(self):
        text = 'a\n<!-- one -->\nold\n<!-- end one -->\nb\n<!-- two -->\nkept\n<!-- end two -->\n'
        assert model_tables.replaced(text, 'one', r'new \1') == text.replace('old', r'new \1')
        assert model_tables.replaced(text, 'two', 'new') == text.replace('kept', 'new')

    @pytest.mark.parametrize('text', ['', '<!-- one -->\nno end', '<!-- end one -->\n<!-- one -->\n'])
    def test_needs_both_markers(self, text):
        with raises(ValueError, '<!-- one -->'):
            model_tables.replaced(text, 'one', 'new')


class TestPublished:

    @pytest.mark.parametrize('method', METHODS)
    def test_every_config_is_in_its_table_and_metafile(self, method):
        names = {path.stem for path in (ROOT / 'configs' / method).glob('*.py') if not path.stem.endswith('_custom')}
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
