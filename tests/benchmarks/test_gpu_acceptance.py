"""The acceptance on a GPU, whole, on a CPU: with a few drawn pictures, and mmcv as it is."""
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gpu_acceptance
import pytest
from facts import assert_facts, find_line, raises
from step_record import StepError

from mmmux.checkpoints.safe_loading import load_checkpoint_file

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'benchmarks/gpu_acceptance.py'

pytest.importorskip('mmdet')
pytest.importorskip('mmseg')


def accept(folder: Path, *options) -> tuple[int, dict, str]:
    """Run the script in a folder; return its status, the contents of its file, and its output."""
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, options)], cwd=folder, env=env, capture_output=True,
                          text=True, timeout=1200)
    out = folder / 'benchmarks/results/gpu_acceptance.json'
    return done.returncode, json.loads(out.read_text()) if out.exists() else {}, done.stdout + done.stderr


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A complete run: its status, its file, and its folder."""
    folder = tmp_path_factory.mktemp('acceptance')
    status, found, printed = accept(folder, '--device', 'cpu', '--drawn', 4, '--epochs', 2, '--iterations', 4, '--workers', 0,
                                    '--seed', 5, '--minutes', 60)
    assert 'Traceback' not in printed
    (work_dir, ) = (folder / 'work_dirs/gpu_acceptance').iterdir()
    return status, found, work_dir


@pytest.mark.nightly
class TestRun:

    def test_every_step_has_its_status(self, run):
        status, found, _ = run
        tasks = [f'{task}: {step}' for task in ('detection', 'segmentation') for step in ('train', 'resume', 'test')]
        assert {name: step['status'] for name, step in found['steps'].items()} == {
            'operators': 'passed', 'pictures': 'passed', **dict.fromkeys(tasks, 'passed'), 'tests': 'left out'}
        assert status == 0 and all(found['steps'][name]['seconds'] < found['steps'][name]['limit_seconds'] for name in tasks)

    @pytest.mark.parametrize(('task', 'score', 'metric'), [('detection', 'AP', 'pascal_voc/mAP'),
                                                           ('segmentation', 'mIoU', 'mIoU')])
    def test_scores_are_those_that_the_tools_print(self, run, task, score, metric):
        _, found, work_dir = run
        (log, ) = (work_dir / task / 'test').glob('*/*.log')
        printed = float(re.search(rf' {metric}: ([\d.]+)', log.read_text())[1])
        assert found['results'][task][score] == pytest.approx(printed, abs=6e-5 if score == 'AP' else 6e-3)
        assert printed > 0 and found['results'][task]['metric'] == metric

    @pytest.mark.parametrize(('task', 'checkpoints', 'half', 'end'), [
        ('detection', ('epoch_1.pth', 'epoch_2.pth'), (1, 1), (2, 2)),
        ('segmentation', ('iter_2.pth', 'iter_4.pth'), (0, 2), (0, 4))])
    def test_the_second_half_went_on_where_the_first_ended(self, run, task, checkpoints, half, end):
        _, found, work_dir = run
        states = [load_checkpoint_file(work_dir / task / name)['meta'] for name in checkpoints]
        assert [(state['epoch'], state['iter']) for state in states] == [half, end]
        result = found['results'][task]
        assert (result['resumed_at']['epoch'], result['resumed_at']['iter']) == half
        assert (result['first_iteration_after'], result['iterations']) == (half[1] + 1, end[1])
        assert states[1]['seed'] == 5 == found['seed']
        rows = [json.loads(line) for log in sorted((work_dir / task).glob('*/vis_data/scalars.json'))
                for line in log.read_text().splitlines()]
        trained = [row for row in rows if 'loss' in row]
        assert [row['iter'] for row in trained] == list(range(1, end[1] + 1)) and result['loss'] == trained[-1]['loss']
        assert result['iterations_per_second'] == pytest.approx(1 / trained[-1]['time'], abs=0.006)

    def test_it_says_what_was_not_as_on_a_gpu(self, run):
        _, found, _ = run
        assert (found['device'], found['gpu']) == ('cpu', None)
        for task, missing in (('detection', 'bccd'), ('segmentation', 'camvid')):
            result = found['results'][task]
            assert 'drawn' in result['data'] and missing in result['data'] and missing not in result['config']
            assert result['mixed_precision'] is False and 'GPU' in result['amp'] and result['peak_gpu_memory_mib'] is None
            commands = [found['steps'][f'{task}: {step}']['command'] for step in ('train', 'resume', 'test')]
            assert not any('--amp' in command for command in commands)
            assert [' --resume ' in command for command in commands] == [False, True, False]
        assert {'torch', 'numpy'} <= set(found['machine']['versions']) and found['machine']['cores'] > 0

    def test_no_folder_of_this_machine_is_in_the_file(self, run):
        _, found, work_dir = run
        text = json.dumps(found)
        assert not any(str(place) in text for place in (ROOT, work_dir.parent, Path(sys.prefix), Path.home()))
        package = {'detection': 'mmdet', 'segmentation': 'mmseg'}
        for task in package:
            assert found['steps'][f'{task}: train']['command'].startswith(
                f'python {package[task]}/.mim/tools/train.py {found["results"][task]["config"]} --work-dir {task} ')


@pytest.fixture
def on_a_gpu(tmp_path, monkeypatch):
    """What would be run on a machine with a GPU, for which mmcv was not built yet: commands by the names of their steps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['gpu_acceptance.py', '--wheels', str(tmp_path)])
    gpu, commands = dict(name='G', compute_capability='9.0'), {}
    monkeypatch.setattr(gpu_acceptance.Acceptance, '_look_at_gpu', lambda self: gpu)
    monkeypatch.setattr(gpu_acceptance.Acceptance, '_python', lambda self, code: SimpleNamespace(returncode=1))
    monkeypatch.setattr(gpu_acceptance.StepRecord, 'run', lambda self, name, command, *_, **__: commands.update(
        {name: [str(word) for word in command]}) or True)
    assert gpu_acceptance.main() == 0
    assert json.loads((tmp_path / 'benchmarks/results/gpu_acceptance.json').read_text())['gpu'] == gpu
    return commands


class TestOnAGPU:

    def test_mmcv_is_built_for_it_first(self, on_a_gpu, tmp_path):
        assert list(on_a_gpu)[:2] == ['build', 'operators']
        build = on_a_gpu['build']
        assert build[1] == str(ROOT / 'benchmarks/build_operators.py') and build[build.index('--arch') + 1] == '9.0'
        assert build[build.index('--wheels') + 1] == str(tmp_path) and 'device="cuda"' in on_a_gpu['operators'][-1]

    @pytest.mark.parametrize(('task', 'key', 'half', 'total'), [('detection', 'max_epochs', 10, 20),
                                                                ('segmentation', 'max_iters', 300, 600)])
    def test_both_halves_are_trained_in_mixed_precision(self, on_a_gpu, task, key, half, total):
        train, resume, test = (on_a_gpu[f'{task}: {step}'] for step in ('train', 'resume', 'test'))
        assert '--amp' in train and '--amp' in resume and '--amp' not in test
        assert '--resume' in resume and '--resume' not in train
        assert f'train_cfg.{key}={half}' in train and f'train_cfg.{key}={total}' in resume
        assert all(Path(script).is_file() and '.mim/tools' in script for _, script, *_ in (train, resume, test))

    def test_tests_that_need_one_are_run(self, on_a_gpu):
        tests = on_a_gpu['tests']
        assert tests[tests.index('-m', 3) + 1] == 'gpu'
        assert {str(ROOT / 'tests' / name) for name in ('engine/hooks/test_cuda_graph_hook.py',
                                                        'models/test_precision_and_device.py')} <= set(tests)


@pytest.mark.parametrize(('counts', 'wrong'), [
    ('tests="9" failures="0" errors="0" skipped="0"', ''), ('tests="9" failures="0" errors="0" skipped="2"', '2 of 9'),
    ('tests="0" failures="0" errors="0" skipped="0"', '0 of 0')])
def test_a_test_that_is_skipped_on_a_gpu_is_no_pass(tmp_path, counts, wrong):
    (tmp_path / 'tests.xml').write_text(f'<testsuites><testsuite {counts}/></testsuites>')
    if wrong:
        with raises(StepError, wrong):
            gpu_acceptance._test_counts(tmp_path / 'tests.xml')
    else:
        assert gpu_acceptance._test_counts(tmp_path / 'tests.xml')['tests'] == 9


@pytest.mark.slow
def test_wrong_folders_get_a_sentence_each(tmp_path):
    (tmp_path / 'cells').mkdir()
    for folder in ('images/training', 'images/validation', 'annotations/training'):
        (tmp_path / 'roads' / folder).mkdir(parents=True)
    write_wheel(tmp_path / 'wheels')
    status, found, printed = accept(tmp_path, '--device', 'cpu', '--bccd', tmp_path / 'cells', '--camvid', 'roads',
                                    '--wheels', 'wheels', '--minutes', 60)
    assert status == 1 and 'Traceback' not in printed
    steps = found['steps']
    assert steps['packages']['status'] == 'passed'
    assert (tmp_path / 'work_dirs/gpu_acceptance/packages/only_here.py').is_file()
    for task, facts in (('detection', ('cells', 'VOC2007/Annotations', '--bccd')),
                        ('segmentation', ('roads', 'annotations/validation', '--camvid'))):
        assert steps[f'{task}: data']['status'] == 'failed' and str(tmp_path) not in steps[f'{task}: data']['reason']
        assert_facts(steps[f'{task}: data']['reason'], *facts)
        assert [steps[f'{task}: {step}']['status'] for step in ('train', 'resume', 'test')] == ['not run'] * 3
    assert steps['operators']['status'] == 'passed'


def write_wheel(folder: Path) -> None:
    """A folder with a wheel that pip installs, and one of torch that must be left alone."""
    folder.mkdir()
    files = {'only_here.py': '', 'only_here-1.dist-info/METADATA': 'Metadata-Version: 2.1\nName: only-here\nVersion: 1\n',
             'only_here-1.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
             'only_here-1.dist-info/RECORD': ''}
    with zipfile.ZipFile(folder / 'only_here-1-py3-none-any.whl', 'w') as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    (folder / 'torch-9.0-py3-none-any.whl').write_text('no wheel')


@pytest.mark.parametrize(('options', 'facts'), [
    (['--epochs', '5'], ('--epochs 5', 'even')), (['--iterations', '0'], ('--iterations 0', 'even', '2')),
    (['--wheels', 'nowhere'], ('--wheels nowhere', 'folder'))])
def test_options_that_cannot_be_used(tmp_path, options, facts):
    status, found, printed = accept(tmp_path, '--device', 'cpu', *options)
    assert status == 2 and not found
    find_line(printed, *facts)


@pytest.mark.slow
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    status, found, printed = accept(tmp_path)
    assert status == 2 and not found and '--device cpu' in printed and 'Traceback' not in printed
