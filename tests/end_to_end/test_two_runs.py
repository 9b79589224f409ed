"""A run is refused a folder or file that another one writes to, and takes the place of one that was killed."""
from dataclasses import replace
from pathlib import Path

import pytest
from facts import assert_facts, find_line
from interruptions import Training, differences
from lock_holder import facts_of, held_elsewhere

from mmmux.utils.write_lock import LOCK_FILE

# Processes that load data, which may live on for seconds after the training that forked them was killed.
WORKERS = ['train_dataloader.num_workers=1', 'train_dataloader.persistent_workers=True']


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch):
    monkeypatch.setattr('mmmux.utils.write_lock._SECONDS', 0)


@pytest.fixture
def taken(tmp_path):
    """A folder that another process writes to, with a checkpoint of it."""
    folder = tmp_path / 'taken'
    with held_elsewhere(folder) as (number, ):
        (folder / 'epoch_1.pth').write_text('of the other')
        yield folder, number
    assert sorted(path.name for path in folder.iterdir()) == [LOCK_FILE, 'epoch_1.pth']
    assert (folder / 'epoch_1.pth').read_text() == 'of the other'


def test_training(fails, config, options, taken):
    folder, number = taken
    assert_facts(fails('train.py', config, '--work-dir', folder, *options), folder, '--work-dir', number)


def test_training_with_checkpoints_elsewhere(fails, config, options, taken, tmp_path):
    folder, number = taken
    sentence = fails('train.py', config, '--work-dir', tmp_path / 'work' / folder.name, *options,
                     f'default_hooks.checkpoint.out_dir={folder.parent}')
    assert_facts(sentence, folder, 'default_hooks.checkpoint.out_dir', number)


def test_search(fails, config, taken):
    folder, number = taken
    analytic = config.parents[1] / 'search/analytic.py'
    assert_facts(fails('search.py', analytic, '--work-dir', folder), folder, '--work-dir', number)


@pytest.fixture
def checkpoint(tmp_path):
    """A file that is not read before its test is refused."""
    (tmp_path / 'weights.pth').touch()
    return tmp_path / 'weights.pth'


def test_test_with_drawn_pictures(fails, config, options, checkpoint, taken, tmp_path):
    folder, number = taken
    sentence = fails('test.py', config, checkpoint, '--work-dir', tmp_path / 'work', '--show-dir', folder, *options)
    assert_facts(sentence, folder, '--show-dir', number)


def test_test_with_predictions(fails, config, options, checkpoint, tmp_path):
    with held_elsewhere(tmp_path / 'a.pkl', is_file=True) as (number, ):
        sentence = fails('test.py', config, checkpoint, '--work-dir', tmp_path / 'work', '--out', tmp_path / 'a.pkl', *options)
    assert_facts(sentence, tmp_path / 'a.pkl', '--out', number)


def test_demo(fails, config, checkpoint, taken, data):
    folder, number = taken
    picture = next(data.rglob('*.jpg'))
    sentence = fails('image_demo.py', picture, config, checkpoint, '--out-dir', folder, '--device', 'cpu')
    assert_facts(sentence, folder, '--out-dir', number)


@pytest.mark.parametrize('name', ['train', 'test', 'search', 'demo', 'check'])
def test_a_folder_that_cannot_be_made(fails, config, options, checkpoint, data, name):
    arguments = dict(
        train=('train.py', config, '--work-dir', '/proc/x', *options),
        test=('test.py', config, checkpoint, '--work-dir', '/proc/x', *options),
        search=('search.py', config.parents[1] / 'search/analytic.py', '--work-dir', '/proc/x'),
        demo=('image_demo.py', next(data.rglob('*.jpg')), config, checkpoint, '--out-dir', '/proc/x'),
        check=('analysis_tools/check_dataset.py', config, '--out', '/proc/x', '--jobs', 1, *options[:4]))
    assert_facts(fails(*arguments[name]), '/proc/x')


@pytest.mark.slow
def test_a_training_excludes_another_until_it_is_killed(left_alone, tmp_path):
    """As if started twice, or put back into the queue of a cluster while the first one still runs."""
    alone = left_alone('classifier')
    first = Training(tmp_path / 'first', alone.config, ['--cfg-options', *WORKERS])
    process = first.start(('train_iter', 8))  # after the first checkpoint
    assert first.await_point(process, 'waiting')
    saved = (first.work / 'last_checkpoint').read_text()
    second = replace(first, folder=tmp_path / 'second', options=['--work-dir', str(first.work), *first.options])
    second.run(status=2)
    find_line(second.printed(), 'error:', '--work-dir', process.pid, *facts_of(first.work / LOCK_FILE)[1:])
    assert process.is_alive() and (first.work / 'last_checkpoint').read_text() == saved

    process.kill()
    first.await_end(process)
    first.run()
    assert not differences(first.work / 'epoch_3.pth', alone.work / 'epoch_3.pth')
    assert not (first.work / LOCK_FILE).exists()
    assert not list(Path(tmp_path / 'second').glob('**/*.pth'))
