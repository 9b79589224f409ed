import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

REPOSITORY = Path(__file__).resolve().parents[1]
_LEFT_OUT = pytest.StashKey[int]()
_OF_THE_FAMILY = (
    'tests/configs/', 'tests/evaluation/', 'tests/models/heads/', 'tests/models/test_registry.py',
    'tests/checkpoints/test_safe_loading.py', 'tests/analysis/dataset_check/',
    *(f'tests/datasets/test_{name}.py' for name in (
        'chest_xray14', 'classification_data', 'coco', 'exclude_list', 'loading', 'segmentation_data', 'voc')),
    # A training and test of detection, of segmentation, of classification.
    'tests/end_to_end/test_train_and_test.py', 'tests/end_to_end/test_demo.py::test_segmentation',
    'tests/end_to_end/test_cifar.py::test_folders_of_small_pictures')
sys.path.insert(0, str(REPOSITORY / 'tests/helpers'))  # its modules are found under every import mode of pytest

from dataset_folders import SegFolder, VOCFolder  # noqa: E402
from nightly import NIGHTLY  # noqa: E402
from sharing_out import place, scheduler  # noqa: E402
from spared_time import spare_time  # noqa: E402

if 'PYTEST_XDIST_WORKER' in os.environ:
    torch.set_num_threads(1)  # several processes with a thread for every core would wait for each other


def pytest_addoption(parser):
    parser.addoption('--reverse', action='store_true', help='run the last test first, to find tests that need others before')


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark tests that depend on the family; leave out nightly tests, except in a nightly run; sort the tests."""
    items.sort(key=lambda item: place(item.nodeid))
    if config.getoption('--reverse'):
        items.reverse()
    for item in items:
        if item.nodeid.startswith(_OF_THE_FAMILY):
            item.add_marker('family')
    left_out = [] if NIGHTLY else [item for item in items if item.get_closest_marker('nightly')]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker('nightly')]
        config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)
    if hasattr(config, 'workeroutput'):  # in a process of pytest-xdist, which prints nothing itself
        config.workeroutput['left_out'] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """All processes of pytest-xdist leave out the same."""
    node.config.stash[_LEFT_OUT] = getattr(node, 'workeroutput', {}).get('left_out', 0)


def pytest_terminal_summary(terminalreporter, config):
    """Say how many were left out."""
    if number := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(f'marked nightly and left out: {number} (MMMUX_NIGHTLY=1 runs them)')


@pytest.fixture(scope='session', autouse=True)
def _time_is_spared():
    """Runs in this process; those of real programs have everything."""
    with pytest.MonkeyPatch.context() as patch:
        spare_time(patch.setattr)
        yield


@pytest.fixture(autouse=True)
def _handlers_are_left_as_they_were():
    """A handler of SIGTERM that a test leaves behind would be inherited by processes that later tests start."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def _default_scope_is_mmengines_again():
    """A test that builds models or data sets sets the default scope, in which later tests would look names up."""
    yield
    init_default_scope('mmengine')


@pytest.fixture(autouse=True)
def _same_random_numbers():
    torch.manual_seed(0)


@pytest.fixture
def fresh_python():
    """Run code in a Python of its own, where nothing has been imported yet; return its output."""
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


@pytest.fixture(scope='session')
def configs():
    return REPOSITORY / 'configs'


@pytest.fixture(scope='session')
def shapes(tmp_path_factory):
    """Eight drawn pictures to train on and four to test on."""
    from mmmux.datasets.drawn_shapes import draw_data_set
    return draw_data_set(tmp_path_factory.mktemp('shapes'), train=8, test=4, size=96)


@pytest.fixture
def voc(tmp_path):
    return VOCFolder(tmp_path / 'data')


@pytest.fixture
def good(voc):
    """A folder with one picture that nothing is wrong with."""
    voc.add('good', ('cell', 11, 11, 31, 41))
    return voc


@pytest.fixture
def seg(tmp_path):
    init_default_scope('mmseg')
    return SegFolder(tmp_path / 'data')
