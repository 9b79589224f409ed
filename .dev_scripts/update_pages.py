#!/usr/bin/env python
"""Write the tables of the documents and the metafiles, from the configs, docs/results and benchmarks/results."""
import argparse
import json
from pathlib import Path

from pages import architecture_tables, loading_tables, model_tables, performance_tables, reliability_tables, search_tables
from pages.fresh_clone_table import fresh_clone_table

from mmmux.analysis import report
from mmmux.tasks import Classification

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ('SSDLite', 'PPM', 'C1', 'Classification')  # the folder of the configs has the same name in lower case


def documents() -> dict[Path, str]:
    """Return the text of every generated document, by its path."""
    texts = {}
    readme = (ROOT / 'README.md').read_text()
    readme = model_tables.replaced(readme, 'backbones', model_tables.backbone_table(ROOT))
    summary = performance_tables.summary_table(ROOT / 'benchmarks/results/performance.json', 'benchmarks/results/')
    readme = model_tables.replaced(readme, 'performance', summary)
    fresh = fresh_clone_table(ROOT / 'benchmarks/results/fresh_clone.json', 'benchmarks/results/')
    readme = model_tables.replaced(readme, 'fresh clone', fresh)
    accepted = performance_tables.acceptance_table(ROOT / 'benchmarks/results/gpu_acceptance.json', 'benchmarks/results/')
    readme = model_tables.replaced(readme, 'gpu acceptance', accepted)
    for collection in COLLECTIONS:
        method = collection.lower()
        rows = model_tables.entries(ROOT, method)
        readme = model_tables.replaced(readme, method, model_tables.config_table(rows, f'configs/{method}/'))
        own = ROOT / 'configs' / method / 'README.md'
        texts[own] = model_tables.replaced(own.read_text(), method, model_tables.config_table(rows, ''))
        texts[own.with_name('metafile.yml')] = model_tables.metafile(rows, collection, ROOT)
    texts[ROOT / 'README.md'] = readme
    texts[ROOT / 'docs/architectures.md'] = architectures_page()
    texts[ROOT / 'docs/performance.md'] = performance_page()
    texts[ROOT / 'docs/results/search.md'] = search_page()
    reliability = ROOT / 'docs/results/reliability.json'
    texts[ROOT / 'docs/reliability.md'] = _filled(ROOT / 'docs/reliability.md', {
        'promises': reliability_tables.promises_table(reliability, 'results/'),
        'kills': reliability_tables.kills_table(reliability, 'results/')})
    benchmarks = ROOT / 'benchmarks/README.md'
    texts[benchmarks] = benchmarks.read_text()
    for name in ('backbones', 'segmentors'):
        table = model_tables.benchmark_table(ROOT / f'benchmarks/results/{name}.json')
        texts[benchmarks] = model_tables.replaced(texts[benchmarks], name, table)
    accepted = performance_tables.acceptance_table(ROOT / 'benchmarks/results/gpu_acceptance.json', 'results/')
    texts[benchmarks] = model_tables.replaced(texts[benchmarks], 'gpu acceptance', accepted)
    table = loading_tables.loading_table(ROOT / 'benchmarks/results/datasets.json', 'results/')
    texts[benchmarks] = model_tables.replaced(texts[benchmarks], 'datasets', table)
    table = loading_tables.own_data_table(ROOT / 'benchmarks/results/own_data.json', 'results/')
    texts[benchmarks] = model_tables.replaced(texts[benchmarks], 'own data', table)
    texts[ROOT / 'model-index.yml'] = 'Import:\n' + ''.join(
        f'  - configs/{collection.lower()}/metafile.yml\n' for collection in COLLECTIONS)
    return texts


def architectures_page() -> str:
    """Return the text of docs/architectures.md with its tables."""
    ablation = json.loads((ROOT / 'docs/results/spatial_multiplexing.json').read_text())['runs']
    tables = {'family': architecture_tables.family_table(), 'budgets': architecture_tables.budget_table(ROOT),
              'candidates': architecture_tables.candidate_table(ROOT / 'benchmarks/results/candidates.json'),
              'ablation': report.results_table(ablation, Classification.results)}
    return _filled(ROOT / 'docs/architectures.md', tables)


def performance_page() -> str:
    """Return the text of docs/performance.md with its tables."""
    link, results = '../benchmarks/results/', ROOT / 'benchmarks/results'
    tables = {'summary': performance_tables.summary_table(results / 'performance.json', link),
              'rows': performance_tables.rows_table(results / 'performance.json'),
              'operators': performance_tables.operators_table(results / 'layers.json', link),
              'layers': performance_tables.layers_table(results / 'layers.json'),
              'gpu': performance_tables.gpu_table(results / 'gpu.json', link)}
    return _filled(ROOT / 'docs/performance.md', tables)


def search_page() -> str:
    """Return the text of docs/results/search.md with its tables."""
    link, results = '../../benchmarks/results/', ROOT / 'benchmarks/results'
    found = results / 'search_cifar10.json'
    tables = {'compared': search_tables.search_table(results / 'search.json', link),
              'found': search_tables.found_table(found, link),
              'trained': report.results_table(json.loads(found.read_text())['runs'], Classification.results)}
    return _filled(ROOT / 'docs/results/search.md', tables)


def _filled(path: Path, tables: dict[str, str]) -> str:
    page = path.read_text()
    for marker, table in tables.items():
        page = model_tables.replaced(page, marker, table)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='write nothing; exit with status 1 if a document is out of date')
    args = parser.parse_args()
    stale = {path: text for path, text in documents().items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        print(f'{"out of date" if args.check else "written"}: {path.relative_to(ROOT)}')
        if not args.check:
            path.write_text(text)
    raise SystemExit(1 if args.check and stale else 0)


if __name__ == '__main__':
    main()
