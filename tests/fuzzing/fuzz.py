"""Try to break a reader of files with inputs that a fuzzer makes up, led by which lines of the reader they reach.

    pip install atheris
    python tests/fuzzing/fuzz.py pictures --runs 100000

The readers are those of tests/hostile_readers.py. An input that is neither read as a value nor told in one sentence, or that takes
more than a minute or too much memory, ends the program, and is kept in the folder. With MMMUX_RECORD=FILE.json, how many inputs were
tried is added to that file.
"""
import argparse
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[place]) for place in (1, 2)]

from hostile_readers import READERS  # noqa: E402
from limited_process import SECONDS, outcome  # noqa: E402
from reliability_record import record  # noqa: E402

MEGABYTES = 4096  # in memory, imports included
MOST_BYTES = 16384  # of an input


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('reader', choices=READERS, help='what to break')
    parser.add_argument('--runs', type=int, default=10000, help='inputs to try (default: %(default)s)')
    parser.add_argument('--minutes', type=float, default=60, help='stop after as many (default: %(default)s)')
    parser.add_argument('--folder', type=Path, help='for inputs: those that reach new lines, and what broke the reader')
    parser.add_argument('--seed', type=int, default=1, help='of the random numbers (default: %(default)s)')
    return parser.parse_args()


def target(name: str, folder: Path):
    """A function that reads bytes as a file of this kind, and raises where the promise is broken."""
    reader = READERS[name]
    path = folder / reader.name

    def read(data: bytes) -> None:
        path.write_bytes(data)
        outcome(reader.read, path)

    return read


def main() -> None:
    args = parse_args()
    import atheris
    with atheris.instrument_imports(include=['mmmux', 'xml', 'json', 'PIL', 'pickle', 'zipfile', 'torch.serialization',
                                             'torch._weights_only_unpickler', 'pycocotools', 'mmengine.config']):
        import mmmux.datasets  # noqa: F401
        import mmmux.engine.settings  # noqa: F401
    folder = args.folder or Path(tempfile.mkdtemp(prefix='fuzzing-'))
    corpus = folder / 'corpus'
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(READERS[args.reader].seeds()):
        (corpus / f'seed{number}').write_bytes(seed)
    read, tried = target(args.reader, folder), 0

    def try_one(data: bytes) -> None:
        nonlocal tried
        tried += 1
        if tried % 100 == 0:  # libFuzzer leaves without coming back here
            record('fuzzed', args.reader, tried=tried, lost=0, of='inputs')
        try:
            read(data)
        except BaseException:
            record('fuzzed', args.reader, tried=tried, lost=1, of='inputs')
            raise

    atheris.Setup([sys.argv[0], f'-runs={args.runs}', f'-max_total_time={int(args.minutes * 60)}', f'-timeout={SECONDS}',
                   f'-rss_limit_mb={MEGABYTES}', f'-max_len={MOST_BYTES}', f'-seed={args.seed}', '-print_final_stats=1',
                   f'-artifact_prefix={folder}/broken-', str(corpus)], try_one)
    atheris.Fuzz()


if __name__ == '__main__':
    main()
