"""Tables of what `benchmarks/search.py` measured."""
import json
from pathlib import Path

METHODS = {
    'moead': 'MOEA/D (PBI), Gaussian process', 'nsga3': 'NSGA-III, Gaussian process', 'rbf': 'MOEA/D (PBI), RBF ensemble',
    'mlp': 'MOEA/D (PBI), MLP ensemble', 'nsga2': 'NSGA-II, no surrogate', 'random': 'random search'
}


def search_table(result: Path, link: str) -> str:
    """Markdown: the hypervolume that each method ends with, and tests against the baselines; `link` goes before the file."""
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
    """Markdown: the front of a real search, from the file of `benchmarks/search_picked.py`; `link` goes before its name."""
    data = json.loads(result.read_text())
    budgets = ', '.join(f'{name} at most {value:,.0f}' for name, value in data['budgets'].items())
    lines = ['| error in the search | parameters | multiply-adds |', '|---|---|---|']
    lines += [f'| {row["error"]:.4f} | {row["params"]:,} | {row["macs"]:,} |' for row in data['front']]
    return '\n'.join(lines) + (
        f'\n\n{data["evaluations"]} evaluations, {data["done"]} of them done, {data["seconds_of_an_evaluation"]:.0f} s each on '
        f'average; {budgets}; seed {data["seed"]}. Predicted and found errors: Spearman {data["spearman"]:.2f}, Kendall '
        f'{data["kendall"]:.2f}. {data["date"]}, written by `{data["command"]}`: [{result.name}]({link}{result.name}).')


def trained_table(result: Path) -> str:
    """Markdown: what the picked network and others reach when they are trained longer, from the same file."""
    data = json.loads(result.read_text())
    lines = [f'| network | parameters | multiply-adds | epochs | {data["metric"]} |', '|---|---|---|---|---|']
    lines += [f'| {row["name"]} | {row["params"]:,} | {row["macs"]:,} | {row["epochs"]} | {row["metric"]:.2f} |'
              for row in data['trained']]
    return '\n'.join(lines)
