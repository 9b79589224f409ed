"""Options, error messages and exit statuses that the command line tools share."""
import argparse
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import DictAction

from mmmux.version import __version__

from .errors import UserError, in_a_line

FAILED = 2
STOPPED = 128 + signal.SIGINT  # exit status of a shell for a program that SIGINT ended
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_WRONG_PLACE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)


@contextlib.contextmanager
def sentences():
    """Print a :class:`UserError` raised inside this context without a traceback and exit.

    Raises:
        SystemExit: With status 2 after a :class:`UserError`, a full disk or an unusable path; with status 130 after Ctrl-C.
            Other exceptions are not caught.
    """
    try:
        yield
    except UserError as error:
        sys.exit(_fail(sentence(error)))
    except OSError as error:
        if error.errno in _WRONG_PLACE and error.filename:
            sys.exit(_fail(f'{in_a_line(str(error.filename))} cannot be used ({os.strerror(error.errno)}): give another path, '
                           'or correct its permissions'))
        if error.errno not in _NO_SPACE:
            raise
        where = f' to write {error.filename}' if error.filename else ''
        sys.exit(_fail(f'{os.strerror(error.errno)}{where}: free disk space (a training continues with tools/train.py '
                       '--resume)'))
    except KeyboardInterrupt:
        _fail('stopped (a training continues from its last checkpoint with tools/train.py --resume, a search from its last '
              'result with tools/search.py --resume)')
        sys.exit(STOPPED)


def stdout_to_stderr() -> contextlib.redirect_stdout:
    """Send the text that is printed in this context to standard error, so that standard output holds only a tool's JSON.

    OneDL's packages print when they are imported. The redirection holds for all threads: it is for programs, not for modules.
    """
    return contextlib.redirect_stdout(sys.stderr)


def sentence(error: UserError) -> str:
    """Return the message of an error, extracted from the traceback text if a data loading process raised the error."""
    text = str(error).strip()
    return text.splitlines()[-1].partition('Error: ')[2] if 'Original Traceback' in text else text


def _fail(message: str) -> int:
    print(f'error: {message}', file=sys.stderr)
    return FAILED


class Options(DictAction):
    """Parse KEY=VALUE options with mmengine's DictAction; report a malformed option as an argparse error."""

    def __call__(self, parser, namespace, values, option_string=None):
        try:
            super().__call__(parser, namespace, values, option_string)
        except Exception as error:
            reason = in_a_line(str(error)) or type(error).__name__
            raise argparse.ArgumentError(self, f'{in_a_line(repr(values))} are not KEY=VALUE, as in '
                                               f'train_dataloader.batch_size=16 ({reason})') from None


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add the option `--version` to a parser.

    Args:
        parser (argparse.ArgumentParser): The parser, changed in place.
    """
    parser.add_argument('--version', action='version', version=f'mmmux {__version__}')


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add the option `--cfg-options` to a parser.

    Args:
        parser (argparse.ArgumentParser): The parser, changed in place.
    """
    parser.add_argument('--cfg-options', nargs='+', action=Options, default={}, metavar='KEY=VALUE',
                        help='change entries of the config, e.g. train_dataloader.batch_size=16 '
                        'optim_wrapper.optimizer.lr=0.02; no spaces inside a value')


def add_tiles(parser: argparse.ArgumentParser) -> None:
    """Add the options `--tiles` and `--tile-overlap` to a parser.

    Args:
        parser (argparse.ArgumentParser): The parser, changed in place.
    """
    parser.add_argument('--tiles', type=int, metavar='SIDE',
                        help='cut large pictures into square tiles of SIDE pixels and merge the boxes of the tiles '
                        "and of the whole picture; needs sahi: pip install 'mmmux[tiles]' (default: no tiles)")
    parser.add_argument('--tile-overlap', type=float, default=0.2, metavar='SHARE',
                        help='overlap of neighbouring tiles as a share of SIDE, 0 to below 1 (default: %(default)s)')


def tiles(args: argparse.Namespace) -> tuple[int, float] | None:
    """Return the side of the tiles in pixels and their overlap from parsed options; None without `--tiles`.

    Args:
        args (argparse.Namespace): Parsed options with `tiles` and `tile_overlap`.
    """
    return None if args.tiles is None else (args.tiles, args.tile_overlap)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share: config, `--work-dir`, `--cfg-options` and `--launcher`.

    Args:
        parser (argparse.ArgumentParser): The parser, changed in place.
    """
    parser.add_argument('config', type=Path, help='config file, for example one below configs/')
    parser.add_argument('--work-dir', type=Path, help='folder for logs and results (default: work_dirs/<config name>)')
    add_cfg_options(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='program that started several processes, where pytorch is torchrun (default: %(default)s)')
    # Older launchers pass the local rank as an option, torchrun as an environment variable.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def with_default(option: str, default: str, values: Sequence[str]) -> list[str]:
    """Return the arguments of this program in which an option without one of its values has its default.

    argparse alone would take a config that follows the option for its value.

    Args:
        option (str): The option, e.g. '--amp'.
        default (str): Its value where none follows.
        values (Sequence[str]): The values that are not the next argument.
    """
    given = sys.argv[1:]
    return [f'{option}={default}' if argument == option and given[place + 1:place + 2] not in [[value] for value in values]
            else argument for place, argument in enumerate(given)]


def pass_local_rank(args: argparse.Namespace) -> None:
    """Set the environment variable LOCAL_RANK, which mmengine reads, from the option `--local_rank`, unless it is set.

    Args:
        args (argparse.Namespace): Parsed options with `local_rank`.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
