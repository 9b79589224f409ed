"""The ImageNet config as it stands, on a few pictures in ImageNet's layout, and the authors' weights in it."""
import json
import shutil
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
from facts import assert_facts, find_line
from PIL import Image
from release_reference import release_layout, weights_by_key
from sklearn import metrics as metrics_of
from torchvision import transforms

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.models import MUXNet
from mmmux.models.release import convert_release_checkpoint, whole_classifier

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/classification'
CONFIG = CONFIGS / 'muxnet-m_8xb96-450e_imagenet-224.py'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
VAL = [f'ILSVRC2012_val_{number:08d}.JPEG' for number in range(1, 9)]


def draw(path: Path, seed: int, size: tuple[int, int]) -> None:
    """A picture of coloured patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(patches).resize(size, Image.BILINEAR).save(path, quality=95, subsampling=0)


@pytest.fixture(scope='session')
def imagenet(tmp_path_factory):
    """1000 class folders with a picture each to train on; eight pictures in one folder and meta/val.txt to test on."""
    root = tmp_path_factory.mktemp('data') / 'imagenet'
    for folder in ('train', 'val', 'meta'):
        (root / folder).mkdir(parents=True)
    for number in range(1000):
        name = f'n{1440764 + 137 * number:08d}'
        (root / 'train' / name).mkdir()
        draw(root / f'train/{name}/{name}_1.JPEG', number, (60, 50))
    for number, name in enumerate(VAL):
        # Sizes of which 224 pixels in the middle are the middle of the mirror image, too.
        draw(root / 'val' / name, 5000 + number, (320 + 10 * number, 320)[::1 - 2 * (number % 2)])
    label(root, np.arange(len(VAL)))
    return root


@pytest.fixture
def copy(imagenet, tmp_path):
    """The part to test on, to change."""
    for part in ('val', 'meta'):
        shutil.copytree(imagenet / part, tmp_path / 'data' / part)
    return tmp_path / 'data'


def label(root: Path, labels) -> None:
    (root / 'meta/val.txt').write_text(''.join(f'{name} {number}\n' for name, number in zip(VAL, labels)))


def options_for(data: Path) -> list[str]:
    """--cfg-options for two epochs of one iteration; nothing else of the recipe is changed."""
    in_this_process = [f'{loader}.{key}' for loader in LOADERS for key in ('num_workers=0', 'persistent_workers=False')]
    return ['--cfg-options', *(f'{loader}.dataset.data_root={data}' for loader in LOADERS), *in_this_process,
            'train_dataloader.batch_size=4', 'train_dataloader.dataset.indices=4', 'train_cfg.max_epochs=2',
            'train_cfg.val_interval=2', 'default_hooks.logger.interval=1']


@pytest.fixture
def options(imagenet):
    return options_for(imagenet)


@pytest.fixture(scope='session')
def trained(tool_in, imagenet, tmp_path_factory):
    """The work dir of two iterations with tools/train.py."""
    folder = tmp_path_factory.mktemp('imagenet')
    tool_in(folder, 'train.py', CONFIG, '--work-dir', folder / 'work', *options_for(imagenet))
    return folder / 'work'


@pytest.fixture
def checkpoint(trained):
    return trained / 'epoch_2.pth'


def convert(file: Path, classes: int = 1000, classifier: bool = True) -> Path:
    """Write weights of the release's MUXNet-m as tools/model_converters/convert_release_checkpoint.py does."""
    found = convert_release_checkpoint(weights_by_key(release_layout('m', classes)), 'reference')
    torch.save(whole_classifier(found, 'reference') if classifier else found, file)
    return file


@pytest.fixture(scope='session')
def converted(tmp_path_factory):
    return convert(tmp_path_factory.mktemp('release') / 'muxnet-m-classifier.pth')


def scores(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, 1000) and labels (N, ) of dumped predictions, in the order of the pictures' names."""
    predictions = sorted(mmengine.load(file), key=lambda prediction: prediction['img_path'])
    assert [Path(prediction['img_path']).name for prediction in predictions] == VAL
    return (np.stack([prediction['pred_score'].numpy() for prediction in predictions]),
            np.array([prediction['gt_label'].item() for prediction in predictions]))


def test_training(trained):
    (scalars, ) = trained.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    steps = [line for line in lines if 'loss' in line]
    assert len(steps) == 2 and steps[0]['lr'] == pytest.approx(1e-6)
    assert all(abs(step['loss'] - np.log(1000)) < 1 for step in steps)  # no better or worse than guessing among 1000
    assert any({'accuracy/top1', 'accuracy/top5'} <= set(line) for line in lines)
    saved = load_checkpoint_file(trained / 'epoch_2.pth')
    assert saved['meta']['iter'] == 2 and len(saved['meta']['dataset_meta']['classes']) == 1000


def test_saved_weights_are_the_moving_average(trained):
    """0.9999 of the average before and 0.0001 of the weights, and so for the statistics of norms."""
    first, second = (load_checkpoint_file(trained / f'epoch_{epoch}.pth') for epoch in (1, 2))
    moved = 0
    for key, average in second['state_dict'].items():
        before, weights = first['state_dict'][key], second['ema_state_dict'][f'module.{key}']
        if average.is_floating_point():
            assert torch.allclose(average, before.lerp(weights, 1e-4), rtol=1e-6, atol=1e-9), key
            moved += not torch.equal(average, before)
    assert moved > len(second['state_dict']) / 4


def test_metrics_are_scikit_learns(tool, checkpoint, copy, tmp_path):
    """Labels are chosen so that two pictures are right at once, three more among the first five, and three wrong."""
    def run():
        tool('test.py', CONFIG, checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'seen.pkl', *options_for(copy))
        return scores(tmp_path / 'seen.pkl')

    ranked = run()[0].argsort(1)[:, ::-1]
    label(copy, ranked[np.arange(len(VAL)), [0, 0, 1, 2, 4, 5, 50, 999]])
    predicted, labels = run()
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    for k, expected in ((1, 2 / 8), (5, 5 / 8)):
        accuracy = metrics_of.top_k_accuracy_score(labels, predicted, k=k, labels=range(1000))
        assert metrics[f'accuracy/top{k}'] == pytest.approx(100 * accuracy, abs=1e-4)
        assert accuracy == pytest.approx(expected)
    assert np.allclose(predicted.sum(1), 1, atol=1e-4)


def test_mirror_images_are_averaged(tool, converted, copy, tmp_path):
    """The last four pictures are the mirror images of the first four, so that one test sees both views of each."""
    for name, mirrored in zip(VAL[:4], VAL[4:]):
        Image.open(copy / 'val' / name).transpose(Image.FLIP_LEFT_RIGHT).save(copy / 'val' / mirrored, 'PNG')
    views = []
    for options in ([], ['--tta']):
        tool('test.py', CONFIG, converted, *options, '--work-dir', tmp_path, '--out', tmp_path / 'seen.pkl', *options_for(copy))
        views.append(scores(tmp_path / 'seen.pkl')[0])
    plain, both = views
    mirrored = np.concatenate([plain[4:], plain[:4]])
    assert np.abs(both - (plain + mirrored) / 2).max() < 0.05 * np.abs(plain - mirrored).max()


def test_other_classes_start_from_a_moving_average(tool, checkpoint, imagenet, tmp_path, capsys):
    names = sorted(path.name for path in (imagenet / 'train').iterdir())[:3]
    data = tmp_path / 'data'
    for split in ('train', 'val'):
        for name in names:
            shutil.copytree(imagenet / 'train' / name, data / split / name)
    classes = f'metainfo.classes=({",".join(names)})'
    tool('train.py', CONFIG, '--work-dir', tmp_path / 'work', *options_for(data), f'load_from={checkpoint}',
         'model.head.num_classes=3', *(f'{loader}.dataset.{classes}' for loader in LOADERS), 'train_dataloader.batch_size=1',
         'train_dataloader.dataset.indices=1', 'val_evaluator.topk=(1,2)', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
    printed = ''.join(capsys.readouterr())
    find_line(printed, checkpoint, '0 are missing', '2 have')
    saved = load_checkpoint_file(tmp_path / 'work/epoch_1.pth')
    assert saved['state_dict']['head.fc.weight'].shape == (3, 1280)


def test_converted_checkpoint_sees_pictures_as_torchvision_prepares_them(tool, converted, imagenet, tmp_path):
    """One command; the scores are those of the authors' weights on pictures read, resized and cropped by Pillow."""
    tool('test.py', CONFIG, converted, '--work-dir', tmp_path, '--out', tmp_path / 'predictions.pkl',
         *options_for(imagenet))
    predicted, _ = scores(tmp_path / 'predictions.pkl')
    assert {'accuracy/top1', 'accuracy/top5'} <= set(json.loads((tmp_path / 'metrics.json').read_text()))

    prepare = transforms.Compose([
        transforms.Resize(256, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224), transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    pictures = torch.stack([prepare(Image.open(imagenet / 'val' / name)) for name in VAL])
    state = load_checkpoint_file(converted)['state_dict']
    network = MUXNet('m', out_indices=(7, )).eval()
    network.load_state_dict({key.removeprefix('backbone.'): value for key, value in state.items() if 'backbone' in key})
    with torch.no_grad():
        logits = network(pictures)[0].mean((2, 3)) @ state['head.fc.weight'].T + state['head.fc.bias']
    expected = logits.softmax(1).numpy()
    assert (predicted.argmax(1) == expected.argmax(1)).all() and np.abs(predicted - expected).max() < 0.02


def test_moving_average_of_other_classes(fails, checkpoint, options, tmp_path):
    found = load_checkpoint_file(checkpoint)
    for weights in (found['state_dict'], found['ema_state_dict']):
        weights.update({key: value[:10].clone() for key, value in weights.items() if 'head.fc.' in key})
    torch.save(found, tmp_path / 'ten.pth')
    sentence = fails('test.py', CONFIG, tmp_path / 'ten.pth', '--work-dir', tmp_path / 'work', *options)
    assert_facts(sentence, tmp_path / 'ten.pth', "'head.fc.weight'", '10x1280', '1000x1280')
