import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / 'benchmarks'
sys.path.append(str(BENCHMARKS))  # the scripts import their shared modules from there
