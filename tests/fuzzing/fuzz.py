"""Try to break a reader of files with inputs that a fuzzer generates, guided by the lines of the reader that they reach.

    python tests/fuzzing/fuzz.py pictures --runs 100000

The readers are those of tests/helpers/hostile_readers.py. The program ends at an input that is neither read as a value nor
refused with one sentence, or that takes more than a minute or too much memory, and keeps that input in the folder. With
MMMUX_RECORD=FILE.json, the number of inputs is added to that file.
"""
import argparse
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / 'tests/helpers')]

MEGABYTES = 4096  # in memory, imports included
MOST_BYTES = 16384  # of an input


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('reader', help='what to break')
    parser.add_argument('--runs', type=int, default=10000, help='inputs to try (default: %(default)s)')
    parser.add_argument('--minutes', type=float, default=60, help='stop after as many (default: %(default)s)')
    parser.add_argument('--folder', type=Path, help='for inputs: those that reach new lines, and what broke the reader')
    parser.add_argument('--seed', type=int, default=1, help='of the random numbers (default: %(default)s)')
    return parser.parse_args()


def target(name: str, folder: Path):
    """A function that reads bytes as a file of this kind, and raises where the promise is broken."""
    from hostile_readers import READERS
    from limited_process import outcome
    reader = READERS[name]
    path = folder / reader.name

    def read(data: bytes) -> str:
        path.write_bytes(data)
        return outcome(reader.read, path)

    return read


def instrument() -> None:
    """Import the reading modules in a form that reports reached lines to the fuzzer, and all others unchanged."""
    import atheris
    with atheris.instrument_imports(include=['PIL', 'defusedxml', 'json', 'xml', 'zipfile', 'pickletools']):
        import json  # noqa: F401
        import pickletools  # noqa: F401
        import zipfile  # noqa: F401

        import defusedxml.ElementTree  # noqa: F401
        import PIL.Image
        PIL.Image.init()
    import mmdet.datasets  # noqa: F401
    import mmseg.datasets  # noqa: F401
    with atheris.instrument_imports(include=['mmmux']):
        pass


def main() -> None:
    args = parse_args()
    import atheris
    instrument()
    from hostile_readers import READERS
    from limited_process import SECONDS
    from reliability_record import record
    if args.reader not in READERS:
        sys.exit(f'there is no reader {args.reader}: {", ".join(READERS)}')
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
