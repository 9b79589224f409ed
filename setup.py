"""What pyproject.toml cannot say: `mmmux/.mim`, where mmengine looks for configs, and the README without its relative links."""
import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM = [ROOT / name for name in ('configs', 'tools', 'model-index.yml')]


class BuildWithMim(build_py):

    def run(self):
        if self.editable_mode:
            super().run()
            link_mim()
        else:
            package = Path(self.build_lib, 'mmmux')
            shutil.rmtree(package, ignore_errors=True)  # an earlier build may have left files that are gone now
            super().run()
            copy_mim(package / '.mim')


def link_mim():
    """Link rather than copy, so that an edit of a config is seen; environments that share the checkout share the links."""
    folder = ROOT / 'mmmux/.mim'
    links = {folder / path.name: Path('..', '..', path.name) for path in MIM}
    if not all(link.is_symlink() and link.readlink() == target for link, target in links.items()):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for link, target in links.items():
            link.symlink_to(target)


def copy_mim(folder: Path):
    folder.mkdir(parents=True)
    for path in MIM:
        if path.is_dir():
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(path, folder)


def long_description() -> str:
    """README.md as it reads away from the repository: without its pictures, and links to its files as plain text."""
    text = re.sub(r'!\[[^]]*]\((?!https?:)[^)]*\)\n*', '', (ROOT / 'README.md').read_text(encoding='utf-8'))
    return re.sub(r'\[([^]]+)]\((?!https?:)[^)]+\)', r'\1', text)


setup(long_description=long_description(), long_description_content_type='text/markdown', cmdclass={'build_py': BuildWithMim})
