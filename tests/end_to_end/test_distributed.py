import pytest

from mmmux.checkpoints.safe_loading import load_checkpoint_file

pytest.importorskip('mmdet')
pytestmark = pytest.mark.slow


def test_two_processes_share_an_epoch(two_processes, config, options, tmp_path):
    two_processes(config.parents[2] / 'tools/train.py', config, '--launcher', 'pytorch', '--work-dir', tmp_path, *options,
                  cwd=tmp_path)
    # Eight pictures, four in each of two processes: one step is the whole epoch.
    checkpoint = load_checkpoint_file(tmp_path / 'epoch_1.pth')
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (1, 1)
    assert not any(key.startswith('module.') for key in checkpoint['state_dict'])
