"""What goes wrong outside the code reaches the user as one sentence and status 2."""
import re

import pytest
import torch

pytestmark = pytest.mark.slow


def test_missing_data_root_as_a_user_sees_it(program, config, tmp_path):
    """In a process of its own: the sentence, before any model is built or folder made."""
    tools = config.parents[2] / 'tools'
    done = program(tools / 'train.py', config, '--cfg-options', f'train_dataloader.dataset.data_root={tmp_path}/gone', status=2,
                   cwd=tmp_path)
    *_, last = done.stderr.splitlines()
    assert re.match(r'error: data folder \S+/gone does not exist \(train_dataloader\.dataset\.data_root\)', last)
    printed = [line for line in done.stdout.splitlines() if 'Could not import OneDL' not in line]  # its packages, of themselves
    assert 'Traceback' not in done.stderr and not printed and not (tmp_path / 'work_dirs').exists()


def test_checkpoint_of_another_model(fails, config, options, tmp_path):
    torch.save(dict(state_dict={'conv1.weight': torch.zeros(64, 3, 7, 7)}, meta={}), tmp_path / 'resnet.pth')
    sentence = fails('test.py', config, tmp_path / 'resnet.pth', '--work-dir', tmp_path, *options)
    assert "is of another model: it has none of this one's" in sentence and "'conv1.weight'" in sentence


def test_missing_checkpoint(fails, config, options, tmp_path):
    assert 'gone.pth' in fails('test.py', config, tmp_path / 'gone.pth', '--work-dir', tmp_path, *options)


def test_unreadable_picture_in_the_demo(fails, trained, config, tmp_path):
    assert 'gone.jpg cannot be read' in fails(
        'image_demo.py', tmp_path / 'gone.jpg', config, trained / 'epoch_1.pth', '--out-dir', tmp_path, '--device', 'cpu')
