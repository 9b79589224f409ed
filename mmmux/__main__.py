"""`python -m mmmux` prints the versions, the devices and the folder of the configs."""
import argparse
from pathlib import Path

import torch

from mmmux.utils import cli, startup_hook
from mmmux.utils.installed import family
from mmmux.utils.machine import describe_machine
from mmmux.version import __version__

_PACKAGE = Path(__file__).resolve().parent


def main() -> None:
    """Print the installed packages, or write or remove the start-up hook."""
    args = parse_args()
    with cli.sentences():
        if args.command == 'startup-hook':
            run_startup_hook(args)
        else:
            print(overview())


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m mmmux', description='Without a command: print the versions, the devices, and where the configs are.')
    cli.add_version(parser)
    hook = parser.add_subparsers(dest='command', metavar='COMMAND').add_parser(
        'startup-hook', help="let configs inherit from 'mmmux::...' in the programs of all packages",
        description="Let configs inherit from 'mmmux::...' in every program of this environment, not only in those that import "
        'mmmux. Without an option, say which two files --write would write.')
    choice = hook.add_mutually_exclusive_group()
    choice.add_argument('--write', action='store_true', help='write the files')
    choice.add_argument('--remove', action='store_true', help='delete them')
    hook.add_argument('--folder', type=Path, help="folder for them, whose .pth files Python reads (default: the environment's "
                      'site-packages)')
    return parser.parse_args()


def overview() -> str:
    """Return the lines that `python -m mmmux` prints."""
    facts = describe_machine()
    packages = ', '.join(f'{name} {number}' for name, number in facts['versions'].items() if name != 'torch')
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    rows = {
        'mmmux': f'{__version__} in {_PACKAGE}',
        'family': family() or 'none: no mmengine is installed',
        'python': facts['python'],
        'torch': f"{facts['versions'].get('torch', torch.__version__)}, built for "
                 f"{f'CUDA {torch.version.cuda}' if torch.version.cuda else 'the CPU'}",
        'devices': ', '.join([*(f'cuda:{number} ({name})' for number, name in enumerate(gpus)),
                              f"cpu ({facts['processor']}, {facts['cores']} cores)"]),
        'packages': packages,
        'configs': str(configs_folder()),
    }
    return '\n'.join(f'{name + ":":<10}{value}' for name, value in rows.items())


def configs_folder() -> Path:
    """Return the folder of the configs: the installed ones, or those of the checkout that holds the package."""
    installed = _PACKAGE / '.mim/configs'
    return installed if installed.exists() else _PACKAGE.parent / 'configs'


def run_startup_hook(args: argparse.Namespace) -> None:
    """Write the files of the hook, delete them, or name them."""
    names = ' and '.join(map(str, startup_hook.files(args.folder)))
    if args.write:
        startup_hook.write(args.folder)
        print(f"wrote {names}: configs of all programs of this environment can inherit from 'mmmux::...'; undo it with "
              'python -m mmmux startup-hook --remove')
    elif args.remove:
        print('deleted ' + (' and '.join(map(str, startup_hook.remove(args.folder))) or f'nothing: there is no {names}'))
    else:
        print(f"--write would write {names}, which Python runs at each start, so that configs can inherit from 'mmmux::...' in "
              'all programs; --remove deletes them')


if __name__ == '__main__':
    main()
