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
        package = ROOT / 'mmmux' if self.editable_mode else Path(self.build_lib, 'mmmux')
        # An earlier build may have left files that are gone now.
        shutil.rmtree(package / '.mim' if self.editable_mode else package, ignore_errors=True)
        super().run()
        folder = package / '.mim'
        folder.mkdir(parents=True)
        for path in MIM:
            if self.editable_mode:  # links, so that an edit of a config is seen
                (folder / path.name).symlink_to(Path('..', '..', path.name))
            elif path.is_dir():
                shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns('__pycache__'))
            else:
                shutil.copy(path, folder)


def long_description() -> str:
    """README.md as it reads away from the repository: without its pictures, and links to its files as plain text."""
    text = re.sub(r'!\[[^]]*]\((?!https?:)[^)]*\)\n*', '', (ROOT / 'README.md').read_text(encoding='utf-8'))
    return re.sub(r'\[([^]]+)]\((?!https?:)[^)]+\)', r'\1', text)


setup(long_description=long_description(), long_description_content_type='text/markdown', cmdclass={'build_py': BuildWithMim})
