import socket

import pytest

from mmmux.checkpoints.safe_loading import load_checkpoint_file

pytest.importorskip('mmdet')
pytestmark = pytest.mark.slow


def test_two_processes_share_an_epoch(program, config, options, tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    program('-m', 'torch.distributed.run', '--nproc_per_node', 2, '--master_addr', '127.0.0.1', '--master_port', port,
            config.parents[2] / 'tools/train.py', config, '--launcher', 'pytorch', '--work-dir', tmp_path, *options,
            cwd=tmp_path)
    # Eight pictures, four in each of two processes: one step is the whole epoch.
    checkpoint = load_checkpoint_file(tmp_path / 'epoch_1.pth')
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (1, 1)
    assert not any(key.startswith('module.') for key in checkpoint['state_dict'])
