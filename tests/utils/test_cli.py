import argparse
import errno
import os

import pytest
from facts import assert_facts
from torch.utils.data import DataLoader

from mmmux.utils import cli
from mmmux.utils.errors import ConfigError, DatasetError


def ends_with(capsys, error: BaseException) -> tuple[int, str, str]:
    """Status, standard output and standard error of a program that raises an error."""
    with pytest.raises(SystemExit) as ended, cli.sentences():
        raise error
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize('kind', [ConfigError, DatasetError])
def test_user_errors_are_one_line_and_status_2(capsys, kind):
    assert ends_with(capsys, kind('this is wrong: do that')) == (2, '', 'error: this is wrong: do that\n')


def test_stopping_is_no_traceback(capsys):
    status, out, err = ends_with(capsys, KeyboardInterrupt())
    assert status == 130 and not out
    assert_facts(err, 'tools/train.py --resume', 'tools/search.py --resume')


def test_folder_that_cannot_be_made_is_a_sentence(capsys, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(SystemExit) as ended, cli.sentences():
        (tmp_path / 'file/folder').mkdir()
    assert ended.value.code == 2
    assert_facts(capsys.readouterr().err, tmp_path / 'file/folder', os.strerror(errno.ENOTDIR))


def test_other_errors_are_bugs_and_stay_visible():
    with pytest.raises(ValueError, match='a bug'), cli.sentences():
        raise ValueError('a bug')


def test_nothing_happens_without_an_error(capsys):
    with cli.sentences():
        pass
    assert capsys.readouterr() == ('', '')


def test_json_is_alone_on_standard_output(capsys):
    with cli.stdout_to_stderr():
        print('of a package')
    print('{}')
    assert capsys.readouterr() == ('{}\n', 'of a package\n')


class Broken:
    """A data set whose pictures cannot be read."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise DatasetError('picture a.jpg: Error: is damaged')


def test_data_loading_processes_wrap_their_errors_in_tracebacks(capsys):
    with pytest.raises(SystemExit) as ended, cli.sentences():
        next(iter(DataLoader(Broken(), num_workers=1)))
    assert ended.value.code == 2
    assert capsys.readouterr().err == 'error: picture a.jpg: Error: is damaged\n'


@pytest.mark.parametrize('spelling', ['--local_rank', '--local-rank'])
def test_local_rank_of_any_launcher(monkeypatch, spelling):
    parser = argparse.ArgumentParser()
    cli.add_run_options(parser)
    monkeypatch.setenv('LOCAL_RANK', '9')  # so that monkeypatch restores the variable afterwards
    monkeypatch.delenv('LOCAL_RANK')
    cli.pass_local_rank(parser.parse_args(['config.py', spelling, '3']))
    assert os.environ['LOCAL_RANK'] == '3'
    cli.pass_local_rank(parser.parse_args(['config.py']))
    assert os.environ['LOCAL_RANK'] == '3'  # torchrun's environment goes first
