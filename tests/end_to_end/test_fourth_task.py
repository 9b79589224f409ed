"""A task of another package, as docs/tasks.md builds it, is served by every tool."""
import json
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from exported_files import read_description
from facts import assert_facts
from mmengine.registry import DATASETS, METRICS, MODELS, TRANSFORMS
from PIL import Image

from mmmux.config.load import load_config
from mmmux.tasks import TASKS, Classification, Detection, Segmentation, find_task

PAGE = Path(__file__).resolve().parents[2] / 'docs/tasks.md'
COUNTS = {'train': (1, 2, 3, 4, 1, 2, 3, 4), 'test': (5, 1, 3)}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The files of the page, and drawn pictures of dots; the end of the fixture removes all registrations."""
    folder = tmp_path_factory.mktemp('fourth')
    for name, text in re.findall(r'in `([\w/]+\.py)`[^\n]*:\n\n```python\n(.*?)```', PAGE.read_text(), re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / 'dots').mkdir()
    numbers = np.random.default_rng(0)
    for split, counts in COUNTS.items():
        lines = []
        for number, count in enumerate(counts):
            image = np.zeros((64, 64, 3), np.uint8)
            for place in numbers.choice(64, count, replace=False):
                image[8 * (place // 8) + 2:8 * (place // 8) + 6, 8 * (place % 8) + 2:8 * (place % 8) + 6] = 255
            lines.append(f'{split}_{number}.png {count}\n')
            Image.fromarray(image).save(folder / 'dots' / f'{split}_{number}.png')
        (folder / f'dots/{split}.txt').write_text(''.join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder
    for name in [name for name in sys.modules if name.split('.')[0] == 'counting']:
        del sys.modules[name]
    TASKS.module_dict.pop('Counting', None)
    for registry in (DATASETS, METRICS, MODELS, TRANSFORMS):
        registry.children.pop('counting', None)


@pytest.fixture(scope='module')
def checkpoint(folder, tool_in):
    tool_in(folder, 'train.py', 'dots.py', '--work-dir', 'work')
    return folder / 'work/epoch_1.pth'


@pytest.fixture(scope='module')
def tested(folder, tool_in, checkpoint):
    """The work dir of the training and a test."""
    tool_in(folder, 'test.py', 'dots.py', checkpoint, '--work-dir', 'work', '--out', 'out.pkl', '--show-dir', 'drawn')
    return folder / 'work'


@pytest.fixture(autouse=True)
def _inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_is_none_of_the_three(folder):
    task = find_task(load_config('dots.py'))
    assert type(task).__name__ == 'Counting' and not isinstance(task, (Detection, Segmentation, Classification))


@pytest.mark.slow
def test_trains_and_tests(tested):
    with open('out.pkl', 'rb') as file:
        samples = pickle.load(file)
    assert [float(sample['gt_count']) for sample in samples] == list(COUNTS['test'])
    error = np.mean([abs(float(sample['pred_count'] - sample['gt_count'])) for sample in samples])
    assert json.loads((tested / 'metrics.json').read_text()) == {'count/mean_error': pytest.approx(error, rel=1e-5)}
    assert sorted(path.name for path in Path('drawn').iterdir()) == ['test_0.png', 'test_1.png', 'test_2.png']
    for path in Path('drawn').iterdir():
        assert (np.asarray(Image.open(path)) != np.asarray(Image.open(f'dots/{path.name}'))).any()


def test_its_scope_alone_names_it(tool, checkpoint, folder):
    text = (folder / 'dots.py').read_text().replace("task = 'Counting'\n", '').replace("'mmengine'", "'counting'")
    Path('scope.py').write_text(text.replace("'counting.", "'"))
    tool('test.py', 'scope.py', checkpoint, '--work-dir', 'scope', '--show-dir', 'scope/drawn')
    assert len(list(Path('scope/drawn').iterdir())) == 3


def test_draws_pictures(tool, checkpoint, capsys):
    tool('image_demo.py', 'dots/test_0.png', 'dots.py', checkpoint, '--out-dir', 'seen', '--device', 'cpu')
    assert re.fullmatch(r'seen/test_0\.png, -?\d+\.\d dots', capsys.readouterr().out.splitlines()[-1])
    assert (np.asarray(Image.open('seen/test_0.png')) != np.asarray(Image.open('dots/test_0.png'))).any()


def test_checks_its_data(tool):
    """The check finds a picture that is listed twice, as in any other data set."""
    Path('dots/twice.txt').write_text(Path('dots/test.txt').read_text() + 'test_0.png 5\n')
    with pytest.raises(SystemExit) as ended:
        tool('check_dataset.py', 'dots.py', '--jobs', 1, '--splits', 'test', '--out', 'checked',
             '--cfg-options', 'test_dataloader.dataset.ann_file=twice.txt')
    assert ended.value.code == 1
    finding, = json.loads(Path('checked/findings.json').read_text())['findings']
    assert_facts(finding['sentence'], 'test_0.png', '2 times')


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'out', 'options'), [
    ('torchscript', 'counter.pt', []), ('onnx', 'counter.onnx', ['--shape', 64, 96])])
def test_exports(tool, checkpoint, name, out, options, capsys):
    tool('export.py', 'dots.py', checkpoint, '--format', name, '--out', out, *options)
    assert json.loads(capsys.readouterr().out)['checked'] == len(COUNTS['test'])
    description = read_description(Path(out))
    assert description['task'] == 'counting' and description['classes'] == []
    assert description['input']['mean'] == [128.] * 3 and description['input']['channels'] == 'RGB'
    assert list(description['outputs']) == ['output']


@pytest.mark.slow
def test_writes_a_results_page(tool, tested):
    tool('report.py', '--run', 'Counter', 'dots.py', tested, '--title', 'Dots', '--pictures', 2, '--out', 'page.md')
    assert 'mean error' in Path('page.md').read_text()
    assert len(list(Path('page').iterdir())) == 2
