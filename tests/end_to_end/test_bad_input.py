"""An error outside the code ends a tool with one sentence and status 2."""

import pytest
import torch
from facts import assert_facts, find_line

pytestmark = pytest.mark.slow


def test_missing_data_root_as_a_user_sees_it(program, config, tmp_path):
    """A new process prints the sentence before it builds a model or makes a folder."""
    tools = config.parents[2] / 'tools'
    done = program(tools / 'train.py', config, '--cfg-options', f'train_dataloader.dataset.data_root={tmp_path}/gone', status=2,
                   cwd=tmp_path)
    *_, last = done.stderr.splitlines()
    assert find_line(done.stderr, 'error:', tmp_path / 'gone', 'train_dataloader.dataset.data_root') == last
    printed = [line for line in done.stdout.splitlines() if 'Could not import OneDL' not in line]  # OneDL prints it on import
    assert not printed and not (tmp_path / 'work_dirs').exists()


def test_checkpoint_of_another_model(fails, config, options, tmp_path):
    torch.save(dict(state_dict={'conv1.weight': torch.zeros(64, 3, 7, 7)}, meta={}), tmp_path / 'resnet.pth')
    sentence = fails('test.py', config, tmp_path / 'resnet.pth', '--work-dir', tmp_path, *options)
    assert_facts(sentence, tmp_path / 'resnet.pth', "'conv1.weight'", "'backbone.stem.0.weight'")


def test_head_of_other_classes(fails, trained, config, options, tmp_path):
    sentence = fails('test.py', config, trained / 'epoch_1.pth', '--work-dir', tmp_path, *options,
                     'model.bbox_head.num_classes=20')
    assert_facts(sentence, 'model.bbox_head.num_classes', 20, '(circle, square, triangle, cross)')


def test_checkpoint_for_other_anchors(fails, trained, config, options, tmp_path):
    sentence = fails('test.py', config, trained / 'epoch_1.pth', '--work-dir', tmp_path, *options,
                     'model.bbox_head.anchor_generator.ratios=[[2,3],[2],[2],[2]]')
    assert_facts(sentence, trained / 'epoch_1.pth', 'weights')
    assert "'bbox_head.cls_convs" in sentence


def test_missing_checkpoint(fails, config, options, tmp_path):
    assert_facts(fails('test.py', config, tmp_path / 'gone.pth', '--work-dir', tmp_path, *options), tmp_path / 'gone.pth')


def test_unreadable_picture_in_the_demo(fails, trained, config, tmp_path):
    sentence = fails('image_demo.py', tmp_path / 'gone.jpg', config, trained / 'epoch_1.pth', '--out-dir', tmp_path, '--device',
                     'cpu')
    assert_facts(sentence, tmp_path / 'gone.jpg')
