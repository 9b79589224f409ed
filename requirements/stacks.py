"""The environments that can be made, each with packages that fit each other, and what is there of them."""
import csv
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Stack:
    """Packages that fit each other, those of requirements/<name>.txt and of more such files, in an environment of their own."""
    name: str
    folder: str  # of the environment, below the repository
    command: str  # what a user types to make it
    modules: str  # what can be imported in the end
    compiled: str = ''  # the distribution that may have to be compiled, for its operators
    more: tuple = ()  # names of further files of requirements

    @property
    def requirements(self) -> list:
        return [ROOT / 'requirements' / f'{name}.txt' for name in (self.name, *self.more, 'tests')]

    @property
    def venv(self) -> Path:
        return ROOT / self.folder

    @property
    def python(self) -> Path:
        return self.venv / 'bin' / 'python'

    @property
    def log(self) -> Path:
        return self.venv / 'install.log'

    def distributions(self, pattern: str = '*') -> list:
        return sorted(self.venv.glob(f'lib/python3*/site-packages/{pattern}.dist-info'))

    def works(self) -> bool:
        """Whether the environment's Python starts and is of the version that runs this."""
        code = f'import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})'
        return self.python.exists() and subprocess.run([self.python, '-c', code], stderr=subprocess.DEVNULL).returncode == 0


_DENSE_MODULES = 'mmcv.ops, mmdet, mmseg, onnxruntime, openvino, mmmux'
STACKS = {stack.name: stack for stack in (
    Stack('openmmlab', '.venv', 'make setup', _DENSE_MODULES, compiled='mmcv', more=('dense', 'deploy', 'search')),
    Stack('onedl', '.venv-onedl', 'make setup STACK=onedl', _DENSE_MODULES, compiled='onedl-mmcv',
          more=('dense', 'deploy', 'search')),
    Stack('classification', '.venv-classification', 'make setup-classification', 'mmcv, mmpretrain, torchvision, mmmux',
          more=('search', )))}


def is_whole(info: Path) -> bool:
    """Whether pip finished installing this, INSTALLER being the last it lists, and all it listed is still there."""
    try:
        with open(info / 'RECORD', newline='') as file:
            sizes = {path: int(size) for path, _, size in csv.reader(file) if size}
        found = {path: os.stat(info.parent / path).st_size for path in sizes}
    except (OSError, ValueError):
        return False
    # Only libraries are measured: two packages may share a small file, such as nvidia/__init__.py.
    return f'{info.name}/INSTALLER' in sizes and all(found[path] == sizes[path] for path in sizes if '.so' in path)
