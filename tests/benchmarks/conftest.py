import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / 'benchmarks'
sys.path.append(str(BENCHMARKS))  # where scripts find what they share
