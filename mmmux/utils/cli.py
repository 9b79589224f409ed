"""What the command line tools share: sentences instead of tracebacks, and the options of a run."""
import argparse
import contextlib
import errno
import os
import signal
import sys
from pathlib import Path

from mmengine.config import DictAction

from .errors import UserError, in_a_line

FAILED = 2
STOPPED = 128 + signal.SIGINT  # as shells count
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_WRONG_PLACE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)


@contextlib.contextmanager
def sentences():
    """End the program with the sentence of a :class:`UserError` and status 2, without a traceback; with 130 after Ctrl-C."""
    try:
        yield
    except UserError as error:
        sys.exit(_fail(sentence(error)))
    except OSError as error:
        if error.errno in _WRONG_PLACE and error.filename:
            sys.exit(_fail(f'{in_a_line(str(error.filename))} cannot be used ({os.strerror(error.errno)}): give another place, '
                           'or mend its permissions'))
        if error.errno not in _NO_SPACE:
            raise
        where = f' to write {error.filename}' if error.filename else ''
        sys.exit(_fail(f'{os.strerror(error.errno)}{where}: make room (a training goes on with tools/train.py --resume)'))
    except KeyboardInterrupt:
        _fail('stopped (a training goes on from its last checkpoint with tools/train.py --resume, a search from its last '
              'result with tools/search.py --resume)')
        sys.exit(STOPPED)


def stdout_to_stderr() -> contextlib.redirect_stdout:
    """Send what is printed in this context to standard error, where standard output is to hold a tool's JSON alone.

    OneDL's packages print when they are imported. The redirection holds for all threads: it is for programs, not for modules.
    """
    return contextlib.redirect_stdout(sys.stderr)


def sentence(error: UserError) -> str:
    """The message of an error, also of one that a data loading process has wrapped in its traceback."""
    text = str(error).strip()
    return text.splitlines()[-1].partition('Error: ')[2] if 'Original Traceback' in text else text


def _fail(message: str) -> int:
    print(f'error: {message}', file=sys.stderr)
    return FAILED


class Options(DictAction):
    """mmengine's KEY=VALUE options, of which a wrong one is told as argparse tells others."""

    def __call__(self, parser, namespace, values, option_string=None):
        try:
            super().__call__(parser, namespace, values, option_string)
        except Exception as error:
            reason = in_a_line(str(error)) or type(error).__name__
            raise argparse.ArgumentError(self, f'{in_a_line(repr(values))} are not KEY=VALUE, as in '
                                               f'train_dataloader.batch_size=16 ({reason})') from None


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """The option that changes a config."""
    parser.add_argument('--cfg-options', nargs='+', action=Options, default={}, metavar='KEY=VALUE',
                        help='change entries of the config, e.g. train_dataloader.batch_size=16 '
                        'optim_wrapper.optimizer.lr=0.02; no spaces inside a value')


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """The options that training and testing have in common."""
    parser.add_argument('config', type=Path, help='config file, for example one below configs/')
    parser.add_argument('--work-dir', type=Path, help='folder for logs and results (default: work_dirs/<config name>)')
    add_cfg_options(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how several processes were started: torchrun is pytorch (default: %(default)s)')
    # torchrun and older launchers hand the rank over in different ways.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def pass_local_rank(args: argparse.Namespace) -> None:
    """Put the rank given as an option where mmengine looks for it."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
