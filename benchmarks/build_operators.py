#!/usr/bin/env python
"""Compile mmcv's operators for the GPUs of this machine, and install them into a folder.

`gpu_acceptance.py` runs this script as its first step. It compiles as `make setup` does, for the Python that runs it, and
leaves that Python's packages unchanged.
"""
import argparse
import os
import sys
from importlib.metadata import distributions, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'requirements'))

from install import Setup  # noqa: E402


class Build(Setup):
    """Run only the compilation of `make setup`; its log, sources and objects are kept in the folder `--venv`."""

    def __init__(self, options: argparse.Namespace):
        super().__init__(options)
        self.python, target = sys.executable, str(options.target.absolute())
        self.environment.update(PYTHONPATH=os.environ.get('PYTHONPATH', ''), PIP_TARGET=target, PIP_UPGRADE='1', FORCE_CUDA='1',
                                TORCH_CUDA_ARCH_LIST=options.arch)
        if options.wheels and any(options.wheels.glob('*mmcv-*.tar.gz')):
            self.environment['PIP_NO_INDEX'] = '1'  # without a network, pip would retry for minutes

    def distributions(self) -> list:
        return [Path(f'torch-{version("torch")}.dist-info')]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--target', type=Path, required=True, help='folder for mmcv, to be put on PYTHONPATH')
    parser.add_argument('--arch', default='9.0', help='compute capability of the GPUs (default: %(default)s, of an H200)')
    parser.add_argument('--wheels', type=Path, metavar='DIR', help="folder with mmcv's source, mmcv-*.tar.gz")
    parser.add_argument('--venv', type=Path, required=True, metavar='DIR',
                        help='folder for sources and objects, from which an interrupted compilation continues')
    options = parser.parse_args()
    options.stack = 'onedl' if any(distribution.name == 'onedl-mmengine' for distribution in distributions()) else 'openmmlab'
    os.environ['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])  # the folder of ninja
    build = Build(options)
    options.venv.mkdir(parents=True, exist_ok=True)
    with open(options.venv / 'install.log', 'a') as build.log:
        build.compile_mmcv()


if __name__ == '__main__':
    main()
