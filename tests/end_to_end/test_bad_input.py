"""An error outside the code ends a tool with one sentence and status 2."""
import re
import shutil

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


def test_checkpoint_for_other_classes(fails, trained, config, options, tmp_path):
    sentence = fails('test.py', config, trained / 'epoch_1.pth', '--work-dir', tmp_path, *options,
                     'model.bbox_head.num_classes=20')
    assert_facts(sentence, trained / 'epoch_1.pth', "'bbox_head.cls_convs")


def test_missing_checkpoint(fails, config, options, tmp_path):
    assert_facts(fails('test.py', config, tmp_path / 'gone.pth', '--work-dir', tmp_path, *options), tmp_path / 'gone.pth')


def test_checkpoint_that_would_run_code(fails, config, options, tmp_path):
    class Attack:

        def __reduce__(self):
            return print, ('code of the checkpoint was run', )

    torch.save(dict(state_dict=Attack()), tmp_path / 'attack.pth')
    sentence = fails('test.py', config, tmp_path / 'attack.pth', '--work-dir', tmp_path, *options)
    assert_facts(sentence, tmp_path / 'attack.pth', 'builtins.print')


def test_unknown_class_in_an_annotation(fails, config, options, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / 'data')
    path = copy / 'VOC2007/Annotations/000000.xml'
    path.write_text(re.sub('<name>.*?</name>', '<name>cirle</name>', path.read_text(), count=1))
    sentence = fails('train.py', config, '--work-dir', tmp_path / 'work', *options,
                     f'train_dataloader.dataset.data_root={copy}')
    assert_facts(sentence, '000000.xml', "'cirle'", 'circle, square, triangle, cross')


def test_damaged_test_picture(fails, trained, config, options, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / 'data')
    name = (copy / 'VOC2007/ImageSets/Main/test.txt').read_text().split()[0]
    picture = copy / f'VOC2007/JPEGImages/{name}.jpg'
    picture.write_bytes(picture.read_bytes()[:500])
    sentence = fails('test.py', config, trained / 'epoch_1.pth', '--work-dir', tmp_path / 'work', *options,
                     f'test_dataloader.dataset.data_root={copy}')
    assert_facts(sentence, name, 'damaged')


def test_unreadable_picture_in_the_demo(fails, trained, config, tmp_path):
    sentence = fails('image_demo.py', tmp_path / 'gone.jpg', config, trained / 'epoch_1.pth', '--out-dir', tmp_path, '--device',
                     'cpu')
    assert_facts(sentence, tmp_path / 'gone.jpg')


@pytest.mark.parametrize('args,facts', [
    (['--out', 'results.json'], ['--out', 'results.json', '.pkl']),
    (['--cfg-options', 'test_datloader.batch_size=1'], ["'test_datloader'", "'test_dataloader'"]),
])
def test_options_of_testing(fails, config, args, facts):
    assert_facts(fails('test.py', config, 'any.pth', *args), *facts)


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_help_names_every_option(tool, capsys, name):
    with pytest.raises(SystemExit) as ended:
        tool(name, '--help')
    wanted = {'--work-dir', '--cfg-options', '--launcher'}
    wanted |= {'--amp', '--resume', '--auto-scale-lr'} if name == 'train.py' else {'--out', '--show-dir', '--tta'}
    assert ended.value.code == 0 and wanted <= set(re.findall(r'--[a-z-]+', capsys.readouterr().out))
