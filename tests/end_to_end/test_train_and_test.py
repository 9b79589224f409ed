"""Train, resume, test, draw and report with our own tools."""
import json
import pickle
import shutil

import pytest
import torch
from PIL import Image

from mmmux.checkpoints.safe_loading import load_checkpoint_file

CLASSES = ('circle', 'square', 'triangle', 'cross')


@pytest.fixture
def work(trained, tmp_path):
    """A copy of the work dir, which the test may change."""
    return shutil.copytree(trained, tmp_path / 'work')


def test_training_leaves_weights_logs_and_its_config(trained, config):
    checkpoint = load_checkpoint_file(trained / 'epoch_1.pth')
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (1, 2)
    assert tuple(checkpoint['meta']['dataset_meta']['classes']) == CLASSES
    assert all(value.isfinite().all() for value in checkpoint['state_dict'].values() if torch.is_floating_point(value))
    assert (trained / config.name).is_file()
    (scalars, ) = trained.glob('*/vis_data/scalars.json')
    assert 'pascal_voc/AP50/cross' in scalars.read_text()  # it was evaluated after the epoch


def test_resume_continues(tool, work, config, options):
    before = (work / 'epoch_1.pth').stat().st_mtime_ns
    tool('train.py', config, '--work-dir', work, '--resume', '--new-schedule', *options, 'train_cfg.max_epochs=2')
    resumed = load_checkpoint_file(work / 'epoch_2.pth')
    assert (resumed['meta']['epoch'], resumed['meta']['iter']) == (2, 4)
    assert (work / 'epoch_1.pth').stat().st_mtime_ns == before  # the first epoch was not trained again
    # The optimiser's momentum was resumed as well: it differs between the epochs.
    momenta = [load_checkpoint_file(work / f'epoch_{epoch}.pth')['optimizer']['state'] for epoch in (1, 2)]
    assert momenta[0].keys() == momenta[1].keys()
    assert any(not torch.equal(momenta[0][key]['momentum_buffer'], momenta[1][key]['momentum_buffer']) for key in momenta[0])


def test_resuming_with_another_schedule_or_classes_is_refused_before_an_iteration(fails, work, config, options):
    for change, words in (
            ('train_cfg.max_epochs=2', ('T_max=2', 'T_max=1', '--new-schedule')),
            ('optim_wrapper.optimizer.lr=0.5', ('lr', '0.5', '0.04', '--new-schedule')),
            ('train_dataloader.dataset.metainfo.classes=(square,circle,triangle,cross)', (
                'train_dataloader', '(square, circle, triangle, cross)', '(circle, square, triangle, cross)'))):
        sentence = fails('train.py', config, '--work-dir', work, '--resume', *options, change)
        assert all(word in sentence for word in words)
    assert not (work / 'epoch_2.pth').exists()


def test_testing_with_classes_in_another_order_is_refused(fails, work, config, options):
    sentence = fails('test.py', config, work / 'epoch_1.pth', '--work-dir', work, *options,
                     'test_dataloader.dataset.metainfo.classes=(square,circle,triangle,cross)')
    assert '(square, circle, triangle, cross)' in sentence and '(circle, square, triangle, cross)' in sentence
    assert 'epoch_1.pth' in sentence


def test_testing_writes_metrics_predictions_and_pictures(tool, work, config, options, data, tmp_path):
    (work / 'metrics.json').unlink(missing_ok=True)
    tool('test.py', config, work / 'epoch_1.pth', '--work-dir', work, '--out', tmp_path / 'predictions.pkl',
         '--show-dir', tmp_path / 'drawn', *options)
    metrics = json.loads((work / 'metrics.json').read_text())
    assert set(metrics) == {'pascal_voc/mAP', 'pascal_voc/AP50', *(f'pascal_voc/AP50/{name}' for name in CLASSES)}
    assert metrics['pascal_voc/mAP'] == pytest.approx(sum(metrics[f'pascal_voc/AP50/{name}'] for name in CLASSES) / 4)
    names = (data / 'VOC2007/ImageSets/Main/test.txt').read_text().split()
    assert sorted(path.stem for path in (tmp_path / 'drawn').iterdir()) == names
    predictions = pickle.loads((tmp_path / 'predictions.pkl').read_bytes())
    assert [prediction['img_id'] for prediction in predictions] == names
    assert all(prediction['pred_instances']['bboxes'].shape[1] == 4 for prediction in predictions)


def test_augmented_testing(tool, trained, config, options, tmp_path):
    tool('test.py', config, trained / 'epoch_1.pth', '--tta', '--work-dir', tmp_path, *options)
    assert 0 <= json.loads((tmp_path / 'metrics.json').read_text())['pascal_voc/mAP'] <= 1


def test_image_demo(tool, trained, config, data, tmp_path, capsys):
    pictures = sorted((data / 'VOC2007/JPEGImages').glob('*.jpg'))[:2]
    tool('image_demo.py', *pictures, config, trained / 'epoch_1.pth', '--out-dir', tmp_path / 'drawn', '--threshold', 0,
         '--device', 'cpu')
    printed = capsys.readouterr().out
    for picture in pictures:
        drawn = tmp_path / 'drawn' / picture.name
        assert f'{drawn}, ' in printed and Image.open(drawn).size == (96, 96)
        assert Image.open(drawn).tobytes() != Image.open(picture).tobytes()


def test_report(tool, work, config, options, tmp_path):
    tool('test.py', config, work / 'epoch_1.pth', '--work-dir', work, *options)
    page = tmp_path / 'docs/shapes.md'
    tool('report.py', '--run', 'MUXNet-m', config, work, '--title', 'Drawn shapes', '--pictures', 1, '--out', page)
    metrics = json.loads((work / 'metrics.json').read_text())
    lines = page.read_text().splitlines()
    assert any(line.startswith(f'| MUXNet-m | {metrics["pascal_voc/mAP"]:.3f} |') for line in lines)
    assert f'| circle | {metrics["pascal_voc/AP50/circle"]:.3f} |' in lines
    (run, ) = json.loads(page.with_suffix('.json').read_text())['runs']
    assert (run['name'], run['batch'], run['size'], run['iterations']) == ('MUXNet-m', 4, [160, 160], 2)
    assert page.with_suffix('.png').is_file() and len(list(page.with_suffix('').glob('*.jpg'))) == 1
