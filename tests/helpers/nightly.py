"""Set how many random cases a test tries: a few in every run, and with MMMUX_NIGHTLY=1 the numbers stated in the documents.

Tests marked nightly run only with MMMUX_NIGHTLY=1. Each number can also be set by its own environment variable.
"""
import os

NIGHTLY = os.environ.get('MMMUX_NIGHTLY', '') not in ('', '0')
# Variable: number in a normal run, number in a nightly run.
_COUNTS = {
    'MMMUX_KILLS': (4, 52),  # trainings that are killed, over all kinds; a quarter of it for each signal that asks to stop
    'MMMUX_SIZES': (12, 1000),  # batches of random size
    'MMMUX_EXAMPLES': (60, 1500),  # corrupted files for each reader
}
SEED = int(os.environ.get('MMMUX_SEED', 0))  # seed of the random moments, sizes and files


def count(variable: str) -> int:
    """Return the number of cases: the value of the environment variable, else the number for this kind of run."""
    return int(os.environ.get(variable, _COUNTS[variable][NIGHTLY]))
