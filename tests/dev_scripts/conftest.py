import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / '.dev_scripts'))  # its package `pages` is in no wheel
