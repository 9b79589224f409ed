import json

import own_data
import pytest

pytest.importorskip('mmdet')


@pytest.mark.slow
def test_check_and_demo_are_measured_beside_what_they_cannot_do_without(tmp_path, monkeypatch):
    out = tmp_path / 'out.json'
    monkeypatch.setattr('sys.argv', ['own_data.py', '--pictures', '6', '--rounds', '1', '--threads', '1', '--out', str(out)])
    own_data.main()
    found = json.loads(out.read_text())
    assert (found['pictures'], found['size'], found['rounds']) == (6, [640, 480], 1)
    seconds = {name: values[0] for name, values in found['seconds_of_rounds'].items()}
    assert found['ratio'] == pytest.approx({
        'dataset check': seconds['dataset check'] / seconds['decoding and hashing'],
        'demo': seconds['demo'] / seconds['inference']}, rel=0.2, abs=0.05)
