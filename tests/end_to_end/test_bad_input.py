"""What goes wrong outside the code reaches the user as one sentence and status 2."""
import re
import shutil

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


def test_head_of_other_classes(fails, trained, config, options, tmp_path):
    sentence = fails('test.py', config, trained / 'epoch_1.pth', '--work-dir', tmp_path, *options,
                     'model.bbox_head.num_classes=20')
    assert 'model.bbox_head.num_classes is 20' in sentence and '(circle, square, triangle, cross)' in sentence


def test_checkpoint_for_other_anchors(fails, trained, config, options, tmp_path):
    sentence = fails('test.py', config, trained / 'epoch_1.pth', '--work-dir', tmp_path, *options,
                     'model.bbox_head.anchor_generator.ratios=[[2,3],[2],[2],[2]]')
    assert re.search(r"is of another model: \d+ weights have another shape, first 'bbox_head\.cls_convs", sentence)


def test_missing_checkpoint(fails, config, options, tmp_path):
    assert 'gone.pth' in fails('test.py', config, tmp_path / 'gone.pth', '--work-dir', tmp_path, *options)


def test_checkpoint_that_would_run_code(fails, config, options, tmp_path):
    class Attack:

        def __reduce__(self):
            return print, ('code of the checkpoint was run', )

    torch.save(dict(state_dict=Attack()), tmp_path / 'attack.pth')
    assert 'builtins.print' in fails('test.py', config, tmp_path / 'attack.pth', '--work-dir', tmp_path, *options)


def test_unknown_class_in_an_annotation(fails, config, options, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / 'data')
    path = copy / 'VOC2007/Annotations/000000.xml'
    path.write_text(re.sub('<name>.*?</name>', '<name>cirle</name>', path.read_text(), count=1))
    sentence = fails('train.py', config, '--work-dir', tmp_path / 'work', *options,
                     f'train_dataloader.dataset.data_root={copy}')
    assert sentence.startswith("error: 000000.xml names the class 'cirle'") and 'circle, square, triangle, cross' in sentence


def test_damaged_test_picture(fails, trained, config, options, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / 'data')
    name = (copy / 'VOC2007/ImageSets/Main/test.txt').read_text().split()[0]
    picture = copy / f'VOC2007/JPEGImages/{name}.jpg'
    picture.write_bytes(picture.read_bytes()[:500])
    sentence = fails('test.py', config, trained / 'epoch_1.pth', '--work-dir', tmp_path / 'work', *options,
                     f'test_dataloader.dataset.data_root={copy}')
    assert f'{name}: picture is truncated or damaged' in sentence


def test_unreadable_picture_in_the_demo(fails, trained, config, tmp_path):
    assert 'gone.jpg cannot be read' in fails(
        'image_demo.py', tmp_path / 'gone.jpg', config, trained / 'epoch_1.pth', '--out-dir', tmp_path, '--device', 'cpu')


@pytest.mark.parametrize('args,words', [
    (['--out', 'results.json'], r'results\.json must end in \.pkl'),
    (['--cfg-options', 'test_datloader.batch_size=1'], 'test_dataloader'),
])
def test_options_of_testing(fails, config, args, words):
    assert re.search(words, fails('test.py', config, 'any.pth', *args))


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_help_names_every_option(tool, capsys, name):
    with pytest.raises(SystemExit) as ended:
        tool(name, '--help')
    wanted = {'--work-dir', '--cfg-options', '--launcher'}
    wanted |= {'--out', '--show-dir', '--tta'} if name == 'test.py' else {
        '--amp', '--resume', '--new-schedule', '--auto-scale-lr'}
    assert ended.value.code == 0 and wanted <= set(re.findall(r'--[a-z-]+', capsys.readouterr().out))
