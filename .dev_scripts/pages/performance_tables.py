"""Make tables of the measurements of `benchmarks/performance.py`, `layers.py`, `gpu.py` and `gpu_acceptance.py`."""
import json
from pathlib import Path


def summary_table(result: Path, link: str) -> str:
    """Return a Markdown table of the ratio of each measure, also with the tuned form, and of its required and target ratio.

    Args:
        result: result file of `benchmarks/performance.py`.
        link: text before the file's name in the link to it.
    """
    data = json.loads(result.read_text())
    lines = ['| measure | time of | relative to | ratio | tuned | aimed at | hoped for |', '|---|---|---|---|---|---|---|']
    for title, measure in data['measures'].items():
        tuned = '-' if measure['tuned'] is None else f'**{measure["tuned"]:.2f}**'
        lines.append(f'| {title} | {measure["counts"]} | {measure["reference"]} | **{measure["ratio"]:.2f}** | {tuned} | '
                     f'{measure["needed"]:.2f} | {measure["goal"]:.2f} |')
    return '\n'.join(lines) + '\n\n' + _conditions(data, result, link)


def rows_table(result: Path) -> str:
    """Return a Markdown table of every row of every measure in a result file of `benchmarks/performance.py`."""
    data = json.loads(result.read_text())
    lines = ['| measure | network | median | quartiles |', '|---|---|---|---|']
    for title, measure in data['measures'].items():
        for name, row in measure['rows'].items():
            low, high = row['quartiles_ms']
            lines.append(f'| {title} | {name} | {row["median_ms"]:.1f} ms | {low:.1f} to {high:.1f} ms |')
    return '\n'.join(lines)


def operators_table(result: Path, link: str) -> str:
    """Return a Markdown table of milliseconds, floors and multiply-adds of each operator in each network.

    Args:
        result: result file of `benchmarks/layers.py`.
        link: text before the file's name in the link to it.
    """
    data = json.loads(result.read_text())
    networks = {name: rows['operators'] for name, rows in data['networks'].items()}
    lines = ['| operator | ' + ' | '.join(f'{name}: ms | floor | M multiply-adds' for name in networks) + ' |',
             '|---' * (3 * len(networks) + 1) + '|']
    for operator in [*dict.fromkeys(operator for rows in networks.values() for operator in rows), 'all']:
        cells = [cell for rows in networks.values() for cell in _cells(rows, operator)]
        lines.append(f'| {operator} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + (f'\n\nMeasured peaks of this machine: {data["peak_gmacs"]} G multiply-adds a second in a matrix '
                               f'product, {data["copy_gbytes"]} GB a second in a copy. ') + _conditions(data, result, link)


def layers_table(result: Path) -> str:
    """Return a Markdown table like that of :func:`operators_table`, by layer, of the MUXNets, whose layers have equal names."""
    networks = {name: rows['layers'] for name, rows in json.loads(result.read_text())['networks'].items() if 'MUXNet' in name}
    lines = ['| layer | ' + ' | '.join(f'{name}: ms | floor | M multiply-adds' for name in networks) + ' |',
             '|---' * (3 * len(networks) + 1) + '|']
    for layer in [*next(iter(networks.values())), 'all']:
        lines.append(f'| {layer} | ' + ' | '.join(cell for rows in networks.values() for cell in _cells(rows, layer)) + ' |')
    return '\n'.join(lines)


def gpu_table(result: Path, link: str) -> str:
    """Return a Markdown table of the milliseconds of each network on a GPU, and their ratio to the first network.

    Args:
        result: result file of `benchmarks/gpu.py`.
        link: text before the file's name in the link to it.
    """
    data = json.loads(result.read_text())
    networks = list(next(iter(data['measures'].values())))
    lines = ['| measure | ' + ' | '.join(networks) + ' |', '|---' * (len(networks) + 1) + '|']
    for title, rows in data['measures'].items():
        cells = [f'{rows[name]["median_ms"]:.1f} ms ({rows[name]["ratio"]:.2f})' if name in rows else '-' for name in networks]
        lines.append(f'| {title} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + (f'\n\n{data["size"]} x {data["size"]} pixels; {data["gpu"]}, torch {data["versions"]["torch"]}, '
                               f'{data["date"]}. Written by `{data["command"]}`: [{result.name}]({link}{result.name}).')


def acceptance_table(result: Path, link: str) -> str:
    """Return a Markdown table of the training of a detector and a segmentor on a GPU, or a sentence that none was run.

    Args:
        result: result file of `benchmarks/gpu_acceptance.py`; it may be missing.
        link: text before the file's name in the link to it.
    """
    not_yet = 'Detectors and segmentors have not been run on a GPU yet: `python benchmarks/gpu_acceptance.py` does so.'
    if not result.exists():
        return not_yet
    data = json.loads(result.read_text())
    if data['gpu'] is None:  # the script was tried on a CPU
        return not_yet
    lines = ['| model | data | training | score | iterations a second | pictures a second | peak memory |',
             '|---|---|---|---|---|---|---|']
    for row in data['results'].values():
        length = f'{row["epochs"]} epochs' if 'epochs' in row else f'{row["iters"]} iterations'
        score = next((f'{name} {row[name]:.{digits}f}' for name, digits in (('AP', 3), ('mIoU', 2)) if name in row), 'failed')
        speed = ['-'] * 3
        if 'iterations_per_second' in row:
            speed = [f'{row["iterations_per_second"]:.1f}', f'{row["pictures_per_second"]:.0f}',
                     f'{row["peak_gpu_memory_mib"]} MiB']
        lines.append(f'| {" | ".join([row["model"], row["data"], length, score, *speed])} |')
    bad = [f'{name} ({step["status"]})' for name, step in data['steps'].items() if step['status'] not in ('passed', 'left out')]
    versions = ', '.join(f'{name} {data["machine"].get("versions", {}).get(name, "?")}' for name in ('torch', 'mmcv'))
    return '\n'.join(lines) + (
        f'\n\nMixed precision, resumed at half; {"not passed: " + ", ".join(bad) if bad else "every step passed"}. '
        f'{data["gpu"]["name"]}, {versions}, {data["date"]}. Written by `{data["command"]}`: '
        f'[{result.name}]({link}{result.name}).')


def _cells(rows: dict, name: str) -> list[str]:
    found = list(rows.values()) if name == 'all' else [rows[name]] if name in rows else []
    return [f'{sum(row[key] for row in found):.{digits}f}' if found else '-'
            for key, digits in (('ms', 2), ('floor_ms', 2), ('mmacs', 0))]


def _conditions(data: dict, result: Path, link: str) -> str:
    versions = ', '.join(f'{name} {found}' for name, found in data['versions'].items()
                         if name in ('torch', 'onnxruntime', 'openvino'))
    return (f'{data["size"]} x {data["size"]} pixels, float32, {data["threads"]} threads; {data["processor"]}, {versions}, '
            f'{data["date"]}. Written by `{data["command"]}`: [{result.name}]({link}{result.name}).')
