"""Packaging of mmmux; configs and tools go into `mmmux/.mim`, where mmengine looks for what is written `mmmux::...`."""
import re
import shutil
from functools import partial
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = Path(__file__).resolve().parent
MIM = [ROOT / name for name in ('configs', 'tools', 'model-index.yml') if (ROOT / name).exists()]
VERSION = re.search(r"__version__ = '(.+)'", (ROOT / 'mmmux' / 'version.py').read_text())[1]
COMMON = ['pycocotools', 'ftfy', 'regex', 'matplotlib']  # mmsegmentation imports ftfy and regex and asks for neither


def link_mim():
    """Link rather than copy, so that an edit of a config is seen by an editable install."""
    folder = ROOT / 'mmmux' / '.mim'
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in MIM:
        (folder / path.name).symlink_to(Path('..', '..', path.name))


class BuildWithMim(build_py):

    def run(self):
        super().run()
        if self.editable_mode:
            return link_mim()
        folder = Path(self.build_lib, 'mmmux', '.mim')
        shutil.rmtree(folder, ignore_errors=True)  # an earlier build may have left files that are gone now
        folder.mkdir(parents=True)
        for path in MIM:
            copy = shutil.copy if path.is_file() else partial(shutil.copytree, ignore=shutil.ignore_patterns('__pycache__'))
            copy(path, folder / path.name)


class DevelopWithMim(develop):  # `setup.py develop` of setuptools before 80 runs no build_py

    def run(self):
        link_mim()
        super().run()


setup(
    name='mmmux',
    version=VERSION,
    description='MUXNet mobile backbones for OpenMMLab',
    license='Apache-2.0',
    packages=find_packages(include=['mmmux', 'mmmux.*']),
    python_requires='>=3.10,<3.13',
    # mmengine and the rest come as mmengine or as onedl-mmengine, the same import name under two distribution names: asking
    # for either one here would install it over the other, so the user names the family by its extra.
    install_requires=['torch>=2.1', 'numpy', 'pillow>=10.1', 'tqdm'],
    extras_require={
        'openmmlab': ['mmengine>=0.10.7,<1', 'mmcv>=2.1,<2.2', 'mmdet>=3.3,<3.4', 'mmsegmentation>=1.2.2,<1.3',
                      'setuptools<81', *COMMON],  # mmengine imports pkg_resources, which setuptools 81 no longer has
        'onedl': ['onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6', 'onedl-mmdetection>=3.5.1',
                  'onedl-mmsegmentation>=1.4.2', *COMMON],
        # mmpretrain does with mmcv-lite, where nothing has to be compiled; it would be installed over an mmcv, so this extra
        # and those above go into environments of their own.
        'classification': ['mmengine>=0.10.7,<1', 'mmcv-lite>=2.1,<2.2', 'mmpretrain>=1.2,<1.3', 'torchvision>=0.16',
                           'torchmetrics>=1,<2', 'matplotlib', 'setuptools<81'],
        'deploy': ['onnx>=1.16', 'onnxruntime>=1.18', 'openvino>=2024.4', 'nncf>=2.13'],
        # Beside one of the three above.
        'search': ['pymoo>=0.6.1,<0.7', 'ray>=2.9', 'scikit-learn>=1.3', 'scipy>=1.10', 'filelock>=3.12'],
    },
    cmdclass={'build_py': BuildWithMim, 'develop': DevelopWithMim})
