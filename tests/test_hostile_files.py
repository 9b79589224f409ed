"""Files spoiled at random: each is read as a value or reported in one sentence, within limits of time and memory."""
from pathlib import Path

import pytest
from hostile_readers import READERS
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from limited_process import SECONDS, limited, outcome
from nightly import SEED, count
from reliability_record import record

EXAMPLES = count('MMMUX_EXAMPLES')  # files a reader


@st.composite
def spoiled(draw, seeds: list[bytes]) -> bytes:
    """A good file that was cut, overwritten, lengthened, shortened or doubled in up to five places."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 5))):
        place, length = draw(st.integers(0, len(data))), draw(st.integers(0, 64))
        what = draw(st.sampled_from(['cut', 'overwrite', 'set', 'insert', 'delete', 'double']))
        if what == 'cut':
            del data[place:]
        elif what == 'delete':
            del data[place:place + length]
        elif what == 'double':
            data[place:place] = data[place:place + length]
        elif what == 'set':
            data[place:place + 4] = draw(st.sampled_from([bytes(4), b'\xff' * 4, b'\x7f\xff\xff\xff', b'\0\0\0\x80']))
        else:
            new = draw(st.binary(max_size=16))
            data[place:place + (len(new) if what == 'overwrite' else 0)] = new
    return bytes(data)


def spoil_and_read(name: str, folder: Path, examples: int) -> int:
    """How many files were tried; the first that breaks the promise stays in the folder and is an error."""
    import signal
    reader, tried = READERS[name], 0
    path = folder / reader.name
    assert [outcome(reader.read, _written(path, good)) for good in reader.seeds()] == ['a value'] * len(reader.seeds())

    @seed(SEED)
    @settings(max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(spoiled(reader.seeds()))
    def read(data):
        nonlocal tried
        tried += 1
        signal.setitimer(signal.ITIMER_REAL, SECONDS)  # for each of them
        outcome(reader.read, _written(path, data))

    read()
    return tried


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.slow
@pytest.mark.parametrize('name', READERS)
def test_spoiled_files(name, tmp_path):
    tried = limited(spoil_and_read, name, tmp_path, EXAMPLES)
    assert tried >= min(EXAMPLES, 50)
    record('hostile input', f'{name}, spoiled at random', tried=tried, lost=0, of='files')
