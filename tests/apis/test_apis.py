import pytest
from facts import raises

from mmmux import apis, config


@pytest.mark.slow
def test_importing_imports_no_package_of_a_task(fresh_python):
    found = fresh_python('import sys, mmmux.config, mmmux.apis; '
                         'print([name for name in ("mmdet", "mmseg", "mmpretrain") if name in sys.modules])')
    assert found.splitlines()[-1] == '[]'


@pytest.mark.parametrize('module', [apis, config])
def test_what_is_offered_is_there(module):
    assert all(callable(getattr(module, name)) for name in module.__all__)
    with raises(AttributeError, module.__name__, "'nothing'"):
        module.nothing  # noqa: B018
