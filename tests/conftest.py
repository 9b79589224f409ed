import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / 'tests/helpers'))  # its modules are found under every import mode of pytest

if 'PYTEST_XDIST_WORKER' in os.environ:
    torch.set_num_threads(1)  # several processes with a thread for every core would wait for each other


@pytest.fixture(autouse=True)
def _same_random_numbers():
    torch.manual_seed(0)


@pytest.fixture
def fresh_python():
    """Run code in a Python of its own, where nothing has been imported yet; give back what it printed."""
    def run(code: str) -> str:
        env = dict(os.environ, PYTHONPATH=str(REPOSITORY), OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore')
        done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    return run


@pytest.fixture
def log(caplog):
    """What mmengine's logger warns of; it does not pass its records on to Python's root logger."""
    logger = MMLogger.get_current_instance()
    caplog.set_level(logging.WARNING)
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
