"""Make the tables of `benchmarks/search.py` and `benchmarks/search_picked.py`."""
import json
import math
from pathlib import Path

METHODS = {
    'moead': 'MOEA/D (PBI), Gaussian process', 'nsga3': 'NSGA-III, Gaussian process', 'rbf': 'MOEA/D (PBI), RBF ensemble',
    'mlp': 'MOEA/D (PBI), MLP ensemble', 'nsga2': 'NSGA-II, no surrogate', 'random': 'random search'
}


def search_table(result: Path, link: str) -> str:
    """Return a Markdown table of the final hypervolume of each method, and of tests against the baselines.

    Args:
        result: result file of `benchmarks/search.py`.
        link: text before the file's name in the link to it.
    """
    data = json.loads(result.read_text())
    final = {method: sorted(run['hypervolume'][-1] for run in data['runs'] if run['method'] == method) for method in METHODS}
    tests = {(row['method'], row['baseline']): row['mann_whitney_p'] for row in data['compared']}
    lines = ['| method | hypervolume, median | worst to best | p against NSGA-II | p against random |', '|---|---|---|---|---|']
    for method, values in final.items():
        if values:
            p_values = [f'{tests[method, other]:.0e}' if (method, other) in tests else '-' for other in ('nsga2', 'random')]
            middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
            lines.append(f'| {METHODS[method]} | {middle:.3f} | {values[0]:.3f} to {values[-1]:.3f} | {" | ".join(p_values)} |')
    return '\n'.join(lines) + (
        f'\n\n{data["seeds"]} seeds, {data["evaluations"]} evaluations each, {data["initial"]} of them drawn at random; '
        f'{data["networks"]:,} networks, {data["true_front"]} on the true front, whose hypervolume is 1. '
        f'One-sided Mann-Whitney tests. {data["date"]}, written by `{data["command"]}`: [{result.name}]({link}{result.name}).')


def found_table(result: Path, link: str) -> str:
    """Return a Markdown table of the front of a search.

    Args:
        result: result file of `benchmarks/search_picked.py`.
        link: text before the file's name in the link to it.
    """
    data = json.loads(result.read_text())
    search = data['search']
    budgets = ', '.join(f'{name} at most {value:,.0f}' for name, value in search['budgets'].items())
    lines = ['| error in the search | parameters | multiply-adds |', '|---|---|---|']
    lines += [f'| {row["error"]:.4f} | {row["params"]:,} | {row["macs"]:,} |' for row in search['front']]
    largest = 0.5 / math.sqrt(search['pictures'])  # the standard error of a share is largest for a share of one half
    return '\n'.join(lines) + (
        f'\n\n{search["evaluations"]} evaluations, {search["initial"]} of them without predictions, {search["done"]} done, '
        f'{search["seconds_of_an_evaluation"]:.0f} s each on average; {budgets}; seed {search["seed"]}. Errors of '
        f'{search["pictures"]:,} pictures, with a standard error of at most {largest:.4f}. Predicted and found errors: '
        f'Spearman {search["spearman"]:.2f}, Kendall {search["kendall"]:.2f}. {data["date"]}, written by '
        f'`benchmarks/search_picked.py`: [{result.name}]({link}{result.name}).')
