"""From a labelling tool's export to drawn detections by the steps of the README, literally."""
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('supervision')
pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
CLASSES = ('\u7ec6\u80de', 'ring')  # no font of most machines has the first one


@pytest.fixture
def export(tmp_path):
    """A zip file as Roboflow writes it for YOLO: 18 pictures to train on, each with a coloured square, and 3 to test on."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / 'my_export.zip', 'w') as archive:
        archive.writestr('data.yaml', f'train: ../train/images\nval: ../valid/images\nnc: 2\nnames: {list(CLASSES)}\n')
        for number in range(21):
            split, label = ('train', 'valid')[number >= 18], number % 2
            image = rng.integers(0, 60, (48, 64, 3), np.uint8)
            image[10:40, 20:50, label] = 250
            Image.fromarray(image).save(tmp_path / 'picture.webp', lossless=True)
            archive.write(tmp_path / 'picture.webp', f'{split}/images/{number}.webp')
            archive.writestr(f'{split}/labels/{number}.txt', f'{label} {35 / 64} {25 / 48} {30 / 64} {30 / 48}\n')


@pytest.mark.filterwarnings('ignore')
def test_readme(export, tmp_path):
    block = re.search(r'<!-- own data -->\n```bash\n(.*?)```', (REPOSITORY / 'README.md').read_text(), re.S)[1]
    commands = [line.partition('  #')[0].strip() for line in block.splitlines()]
    assert [Path(command.split()[1]).name for command in commands] == [
        'convert_labels.py', 'ssdlite_muxnet-m_1xb16_custom.py', 'check_dataset.py', 'fit_anchors.py', 'train.py', 'test.py']
    for folder in ('configs', 'tools'):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='',
                       PATH=f'{Path(sys.executable).parent}:{os.environ["PATH"]}')
    printed = []
    for command in commands:
        done = subprocess.run(
            ['bash', '-c', command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (command, done.stdout[-2000:] + done.stderr[-3000:])
        printed.append(done.stdout)
        if command.startswith('cp '):
            _change(tmp_path / command.split()[2], printed[0])
    drawn = sorted((tmp_path / 'drawn').rglob('*.webp')) or sorted(path for path in (tmp_path / 'drawn').rglob('*.*'))
    assert [path.stem for path in drawn] == ['18', '19', '20']
    assert all(name in printed[0] for name in CLASSES)
    metrics = (tmp_path / 'work_dirs/fitted/metrics.json').read_text()
    assert 'coco/bbox_mAP' in metrics


def _change(config: Path, printed: str) -> None:
    """Put the lines that the converter printed into a config, and one epoch."""
    text = config.read_text()
    for line in [line for line in printed.splitlines() if ' = ' in line] + ['max_epochs = 1']:
        name = line.partition(' = ')[0]
        changed, times = re.subn(rf'^{name} = .*$', lambda _: line, text, flags=re.M)  # noqa: B023
        assert times == 1, name
        text = changed
    config.write_text(text)


def _config(folder: Path, template: str, **lines) -> Path:
    """Copy the configs, and a template beside itself with some of its first lines changed."""
    shutil.copytree(REPOSITORY / 'configs', folder / 'configs')
    path = folder / 'configs' / template
    text = path.read_text()
    for name, value in lines.items():
        text, times = re.subn(rf'^{name} = .*$', lambda _: f'{name} = {value!r}', text, flags=re.M)  # noqa: B023
        assert times == 1, name
    path.with_name('mine.py').write_text(text)
    return path.with_name('mine.py')


IN_THIS_PROCESS = [f'{loader}_dataloader.{key}' for loader in ('train', 'val', 'test')
                   for key in ('num_workers=0', 'persistent_workers=False')]


def test_segmentor(tool, tmp_path, monkeypatch):
    from mmmux.datasets.drawn_scenes import CLASSES, draw_data_set
    data = draw_data_set(tmp_path / 'scenes', train=4, val=2, size=64)
    config = _config(tmp_path, 'c1/c1_muxnet-m-d8_1xb4_custom.py', data_root=f'{data}/', classes=tuple(CLASSES), size=64,
                     max_iters=2, zero_is_unlabelled=True)
    monkeypatch.chdir(tmp_path)
    tool('train.py', config, '--work-dir', 'work', '--cfg-options', *IN_THIS_PROCESS)
    tool('test.py', config, 'work/iter_2.pth', '--work-dir', 'work', '--show-dir', 'drawn', '--cfg-options', *IN_THIS_PROCESS)
    metrics = json.loads((tmp_path / 'work/metrics.json').read_text())
    measured = {name.removeprefix('IoU/') for name in metrics if name.startswith('IoU/')}
    assert measured and measured | set(metrics.get('absent', ())) == set(CLASSES)
    assert len(list((tmp_path / 'drawn').rglob('*.png'))) == 2


def test_classifier(tool, tmp_path, monkeypatch):
    for number in range(12):
        path = tmp_path / 'pictures' / ('train', 'val')[number >= 8] / ('cat', 'dog', 'cow')[number % 3] / f'{number}.bmp'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 50, 3), 20 * number, np.uint8)).save(path)
    config = _config(tmp_path, 'classification/muxnet-m_1xb32_custom.py', data_root=str(tmp_path / 'pictures'),
                     classes=('dog', 'cat', 'cow'), size=64, max_epochs=1)
    monkeypatch.chdir(tmp_path)
    options = [*IN_THIS_PROCESS, 'train_dataloader.batch_size=4']
    tool('train.py', config, '--work-dir', 'work', '--cfg-options', *options)
    tool('test.py', config, 'work/epoch_1.pth', '--work-dir', 'work', '--cfg-options', *options)
    assert 0 <= json.loads((tmp_path / 'work/metrics.json').read_text())['accuracy/top1'] <= 100
