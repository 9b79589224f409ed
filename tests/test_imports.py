"""Modules of mmmux import one another in one direction: down a table, and never in a circle."""
from collections.abc import Iterator, Mapping, Sequence

import pytest
from grimp import ImportGraph, Layer, build_graph

# The parts of a folder, highest first. A part may import those in the lines below its own, and none beside it.
LAYERS = {
    'mmmux': (
        '__main__',
        'apis',
        'tasks',
        'search',
        'analysis | deploy',
        'engine',
        'datasets | evaluation | models',
        'checkpoints | config | visualization',
        'registry',
        'utils',
        'version',
    ),
    'mmmux.models': (
        'release',
        'backbones | data_preprocessors | detectors | heads',
        'layers',
        'architectures',
        'rows',
    ),
    'mmmux.deploy': (
        'benchmark | export',
        'tune',
        'runtimes',
        'exact',
    ),
    'mmmux.engine': (
        'hooks',
        'runner',
    ),
    'mmmux.search': (
        'search',
        'executors | strategy | trial_factory',
        'trial_process',
        'journal | space',
    ),
}
OUTSIDE = {'benchmarks', 'demo', 'tests', 'tools'}  # they stand above all and are not in the wheel


def graph_of(package: str) -> ImportGraph:
    """Read the imports of a package, those in functions and under TYPE_CHECKING included."""
    return build_graph(package, include_external_packages=True, exclude_type_checking_imports=False, cache_dir=None)


def imports_up(graph: ImportGraph, layers: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Find the imports that a table of layers forbids."""
    for folder, lines in layers.items():
        rows = [Layer(*line.split(' | ')) for line in lines]
        for dependency in graph.find_illegal_dependencies_for_layers(rows, containers={folder}):
            for route in dependency.routes:
                steps = [route.heads, *({name} for name in route.middle), route.tails]
                yield ' -> '.join(' or '.join(sorted(step)) for step in steps)


def imports_in_a_circle(graph: ImportGraph, package: str) -> Iterator[str]:
    """Find imports that close circles.

    A circle has modules in two parts of some folder, or has that folder's own `__init__`, which a module below it imports.
    """
    for folder in sorted({package} | graph.find_descendants(package)):
        above = {name for name in graph.find_modules_directly_imported_by(folder) if folder.startswith(f'{name}.')}
        circles = graph.nominate_cycle_breakers(folder) if graph.find_children(folder) else set()
        yield from (f'{importer} -> {imported}' for importer, imported in sorted({(folder, name) for name in above} | circles))


@pytest.fixture(scope='module')
def graph():
    return graph_of('mmmux')


def test_no_import_points_up(graph):
    assert not list(imports_up(graph, LAYERS))
    assert not OUTSIDE & graph.modules


def test_no_imports_form_a_circle(graph):
    assert not list(imports_in_a_circle(graph, 'mmmux'))


def test_the_table_is_complete(graph):
    listed = {folder: {f'{folder}.{name}' for line in lines for name in line.split(' | ')} for folder, lines in LAYERS.items()}
    assert listed['mmmux'] == graph.find_children('mmmux')
    assert all(names <= graph.find_children(folder) for folder, names in listed.items())


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Make a package of two floors, `house.high` above `house.low`, with some modules written anew; give its graph."""
    monkeypatch.syspath_prepend(tmp_path)

    def build(modules: Mapping[str, str]) -> ImportGraph:
        sources = {'__init__': '', 'high.__init__': '', 'high.roof': 'from house.low import floor', 'low.__init__': '',
                   'low.floor': '', 'low.wall': 'from . import floor', **modules}
        for name, source in sources.items():
            path = tmp_path.joinpath('house', *name.split('.')).with_suffix('.py')
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source + '\n')
        return graph_of('house')

    return build


IN_TYPE_CHECKING = 'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.high import roof'


@pytest.mark.parametrize('modules,up,circles', [
    ({}, [], 0),
    ({'low.__init__': 'from .wall import floor'}, [], 0),
    ({'low.wall': 'def build():\n    from house.high.roof import tiles'}, ['house.low.wall -> house.high.roof'], 1),
    ({'high.roof': '', 'low.wall': IN_TYPE_CHECKING}, ['house.low.wall -> house.high.roof'], 0),
    ({'low.floor': 'def walls():\n    from . import wall'}, [], 1),
    ({'low.__init__': 'from .wall import stones', 'low.floor': 'from house.low import stones'}, [], 1),
], ids=['as it should be', 'a package names its modules', 'up in a function', 'up in TYPE_CHECKING', 'in a circle',
        'to its own package'])
def test_what_is_planted_is_found(house, modules, up, circles):
    graph = house(modules)
    assert list(imports_up(graph, {'house': ('high', 'low')})) == up
    assert len(list(imports_in_a_circle(graph, 'house'))) == circles
