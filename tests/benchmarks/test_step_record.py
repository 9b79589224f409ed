"""Steps that fail, hang, come too late or are cut off."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from facts import assert_facts
from process_end import has_ended, wait_for
from step_record import StepError, StepRecord

BENCHMARKS = Path(__file__).resolve().parents[2] / 'benchmarks'


@pytest.fixture
def record(tmp_path):
    return StepRecord(tmp_path / 'out.json', 1, dict(device='none'), tmp_path / 'logs', {f'{tmp_path}/': 'HERE/'})


@pytest.fixture
def step(record, tmp_path):
    """Run Python code as a step; return whether it passed, and its entry in the file."""
    def run(code: str, share: float = 1, **options) -> tuple[bool, dict]:
        passed = record.run('it', [sys.executable, '-c', code], share, {'GIVEN': 'yes'}, tmp_path, **options)
        return passed, json.loads(record.out.read_text())['steps']['it']

    return run


def test_what_passes_says_what_was_found(step, record, tmp_path):
    code = f'import os; print(os.environ["GIVEN"], os.getcwd(), "{tmp_path}/x")'
    passed, found = step(code, read=lambda text: dict(said=text))
    assert passed and record.passed and found['status'] == 'passed'
    assert found['said'] == f'yes {tmp_path} {tmp_path}/x\n' and 'HERE/x' in found['command'] and found['limit_seconds'] == 60
    assert json.loads(record.out.read_text())['device'] == 'none'


@pytest.mark.parametrize(('code', 'reason'), [
    ('raise KeyError("no such thing")', "KeyError: 'no such thing'"),
    ('import sys; print("mmmux.utils.errors.DatasetError: a.xml is empty: fill it"); sys.exit(1)', 'a.xml is empty: fill it'),
    ('import sys; print("ValueError: the cause"); print("notice: there is a new pip"); sys.exit(1)', 'ValueError: the cause'),
    ('import sys; sys.exit("setup: no compiler")', 'setup: no compiler')])
def test_a_failed_step_records_its_reason_in_one_line(step, record, code, reason):
    passed, found = step(code)
    assert not passed and not record.passed
    assert (found['status'], found['reason']) == ('failed', reason)


def test_a_step_that_a_signal_ends_without_output_records_its_status(step, record):
    passed, found = step('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)')
    assert not passed and not record.passed and found['status'] == 'failed'
    assert_facts(found['reason'], f'-{signal.SIGSEGV:d}')


def test_a_bad_result_fails_the_step(step, tmp_path):
    def read(_):
        raise StepError(f'{tmp_path}/scores is empty')

    passed, found = step('', read=read)
    assert not passed and (found['status'], found['reason']) == ('failed', 'HERE/scores is empty')


@pytest.mark.slow
def test_what_hangs_is_ended_with_all_that_it_started(step, record, tmp_path):
    code = ('import subprocess, sys, time, pathlib; print("loading", flush=True); '
            'child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]); '
            'pathlib.Path("pid").write_text(str(child.pid)); time.sleep(600)')
    passed, found = step(code, share=2 / 60)
    assert not passed and not record.passed and found['status'] == 'timed out'
    assert found['limit_seconds'] == 2
    assert_facts(found['reason'], '2 s', 'loading')
    pid = tmp_path / 'pid'
    assert not pid.exists() or has_ended(int(pid.read_text()))


def test_what_needs_a_step_that_did_not_pass_is_not_run(step, record):
    record.note('first', 'failed', 'it was wrong')
    passed, found = step('open("ran", "w")', after=['first'])
    assert not passed and found['status'] == 'not run' and "'first'" in found['reason'] and 'command' not in found
    assert not (record.out.parent / 'ran').exists()


def test_nothing_begins_after_the_last_minute(tmp_path):
    record = StepRecord(tmp_path / 'out.json', 0, {}, tmp_path, {})
    assert not record.run('it', [sys.executable, '-c', ''], 1, {}, tmp_path)
    assert record.data['steps']['it']['status'] == 'not run' and '--minutes' in record.data['steps']['it']['reason']


def test_left_out_on_purpose_is_no_failure(record):
    assert not record.note('it', 'left out', 'there is no GPU') and record.passed


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_cut_off_leaves_what_it_has(tmp_path, number):
    """And SIGTERM, which a machine that is taken back sends, ends the running step as well."""
    step = 'import os, pathlib, time; pathlib.Path("pid").write_text(str(os.getpid())); time.sleep(600)'
    code = ('import sys, signal; from pathlib import Path; from step_record import StepRecord; '
            'signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); here = Path(); '
            'record = StepRecord(here / "out.json", 9, {}, here, {}); record.note("first", "passed"); '
            f'record.run("second", [sys.executable, "-c", {step!r}], 1, {{}}, here)')
    process = subprocess.Popen([sys.executable, '-c', code], cwd=tmp_path, env=dict(os.environ, PYTHONPATH=str(BENCHMARKS)))
    pid = int(wait_for(tmp_path / 'pid') or 0)
    process.send_signal(number)
    process.wait()
    steps = json.loads((tmp_path / 'out.json').read_text())['steps']
    assert {name: entry['status'] for name, entry in steps.items()} == {'first': 'passed', 'second': 'running'}
    if number == signal.SIGTERM:
        assert has_ended(pid)
    else:
        os.kill(pid, signal.SIGKILL)
