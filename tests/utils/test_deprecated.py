"""Names that documents, configs and demos gave before modules moved; the tools' old paths are in tests/tools."""
import importlib
import re
import sys

import pytest
from facts import assert_facts, warns
from torch import nn

from mmmux.utils.deprecated import MOVED_MODULES

# The old import of each, and the object that it gives now.
IMPORTS = {
    'from mmmux.checkpoints.seal import check_intact': 'mmmux.checkpoints.checksum.check_intact',
    'from mmmux.deploy.exact_form import exact_form': 'mmmux.deploy.exact.form.exact_form',
    'from mmmux.deploy.fastest_forms import fastest_forms': 'mmmux.deploy.tune.fastest_forms',
    'from mmmux.engine.cli import sentences': 'mmmux.utils.cli.sentences',
    'from mmmux.engine.predict import Painter': 'mmmux.apis.inferencer.Inferencer',
    'from mmmux.engine.run import train': 'mmmux.apis.runs.train',
    'from mmmux.engine.settings import test_with_augmentation': 'mmmux.config.load.enable_tta',
    'from mmmux.errors import UserError': 'mmmux.utils.errors.UserError',
    'from mmmux.models.backbones.architectures import ARCHITECTURES': 'mmmux.models.architectures.ARCHITECTURES',
}


@pytest.fixture
def forgotten(monkeypatch):
    """Let a module be imported as if for the first time, and remove it afterwards."""
    def forget(name: str) -> None:
        package, _, last = name.rpartition('.')
        parent = importlib.import_module(package)
        known = hasattr(parent, last)
        monkeypatch.setattr(parent, last, getattr(parent, last, None), raising=False)
        if not known:
            delattr(parent, last)
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]

    return forget


def test_every_moved_module_is_tried():
    assert [statement.split()[1] for statement in IMPORTS] == list(MOVED_MODULES)


@pytest.mark.parametrize(('statement', 'now'), IMPORTS.items(), ids=MOVED_MODULES)
def test_the_old_import_gives_the_new_object_and_warns_where_it_stands(forgotten, statement, now):
    _, old, _, name = statement.split()
    forgotten(old)
    found, (module, _, attribute) = {}, now.rpartition('.')
    with pytest.warns(DeprecationWarning, match=re.escape(old)) as caught:
        exec(compile(statement, 'users_file.py', 'exec'), found)
    assert found[name] is getattr(importlib.import_module(module), attribute)
    (warning, ) = (warning for warning in caught if old in str(warning.message))
    assert warning.filename == 'users_file.py'
    assert_facts(str(warning.message), old, module)


def test_a_package_gives_them_too(forgotten):
    forgotten('mmmux.engine.settings')
    with warns(DeprecationWarning, 'mmmux.engine.settings', 'mmmux.config.load'):
        from mmmux.engine import settings
    assert settings.load_config.__module__ == 'mmmux.config.load'


def test_the_function_of_the_same_name_can_still_be_called(forgotten):
    import mmmux.deploy
    forgotten('mmmux.deploy.exact_form')
    with warns(DeprecationWarning, 'mmmux.deploy.exact_form', 'mmmux.deploy.exact.form'):
        importlib.import_module('mmmux.deploy.exact_form')
    assert isinstance(mmmux.deploy.exact_form(nn.Sequential(nn.ReLU()).eval()), nn.Sequential)


def test_what_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r'mmmux\.engine\.nothing'):
        importlib.import_module('mmmux.engine.nothing')
