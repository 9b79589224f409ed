import os
from functools import partial

import pytest

from mmmux.deploy.peak_memory import peak_mib
from mmmux.utils.errors import ConfigError

pytestmark = pytest.mark.slow


def filling(mib: int):
    return lambda: b'a' * (mib * 2**20)


def dying(name: str):
    return partial(os._exit, 3)


def test_what_a_step_fills_is_counted():
    # Linux counts resident pages a processor at a time and reads them with an error of some pages each: 199 was seen.
    assert 190 <= peak_mib('cpu', filling, 200) < 240


def test_process_that_dies_is_named():
    with pytest.raises(ConfigError, match='muxnet'):
        peak_mib('cpu', dying, 'muxnet')
