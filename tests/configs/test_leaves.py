"""Every config contains only its changes."""
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / 'configs'


@pytest.mark.parametrize('path', sorted(ROOT.glob('[!_]*/*.py')), ids=lambda path: path.stem)
def test_leaf_is_short(path):
    assert len(path.read_text().splitlines()) < 40
