"""How often the tests try what they try: a real test every time, and with MMMUX_NIGHTLY=1 as often as documents tell of.

Tests marked nightly run with that variable alone. Each count has a variable of its own, too.
"""
import os

NIGHTLY = os.environ.get('MMMUX_NIGHTLY', '') not in ('', '0')
# Variable: count in every run, count in a nightly one.
_COUNTS = {
    'MMMUX_KILLS': (4, 52),  # of trainings, in all: one of each; a quarter of it for each signal that asks to stop
    'MMMUX_SIZES': (12, 1000),  # of batches
    'MMMUX_EXAMPLES': (60, 1500),  # spoiled files a reader
}
SEED = int(os.environ.get('MMMUX_SEED', 0))  # chooses other moments, sizes and files


def count(variable: str) -> int:
    """How often to try: what the variable says, or else what this kind of run has."""
    return int(os.environ.get(variable, _COUNTS[variable][NIGHTLY]))
