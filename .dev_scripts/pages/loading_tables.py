"""Make the tables that `benchmarks/datasets.py` and `benchmarks/own_data.py` measured."""
import json
from pathlib import Path

_READERS = ('mmdet', 'mmmux')


def loading_table(result: Path, link: str) -> str:
    """Return a Markdown table of the seconds and memory that loading each data set takes with each reader.

    Args:
        result: result file of `benchmarks/datasets.py`.
        link: text before the file's name in the link to it.
    """
    data = json.loads(result.read_text())
    lines = ['| data set | pictures | boxes | reader | time | ratio | processor time | ratio | memory | ratio |',
             '|---' * 10 + '|']
    for title, row in data.items():
        for reader in _READERS:
            measured = row[reader]
            ratio = row['ratio'] if reader != _READERS[0] else dict.fromkeys(row['ratio'], 1)
            lines.append(f'| {title} | {row["pictures"]:,} | {row["boxes"]:,} | {reader} | {measured["seconds"]:.1f} s | '
                         f'{ratio["seconds"]:.2f} | {measured["cpu_seconds"]:.1f} s | {ratio["cpu_seconds"]:.2f} | '
                         f'{measured["mib"]:.0f} MiB | {ratio["mib"]:.2f} |')
    runs = '; '.join(f'{title}: {row["rounds"]} rounds, {row["processor"]}, Python {row["python"]}, mmdet '
                     f'{_version(row["versions"])}, {row["date"]}, `{row["command"]}`' for title, row in data.items())
    return '\n'.join(lines) + f'\n\n{runs}: [{result.name}]({link}{result.name}).'


def own_data_table(result: Path, link: str) -> str:
    """Return a Markdown table of the times of the dataset check and of the demo beside the work that they need.

    Args:
        result: result file of `benchmarks/own_data.py`.
        link: text before the file's name in the link to it.
    """
    data = json.loads(result.read_text())
    rounds = data['seconds_of_rounds']
    lines = ['| work | time | ratio | ratio of each round |', '|---' * 4 + '|']
    for alone, ours in (('decoding and hashing', 'dataset check'), ('inference', 'demo')):
        each = ' '.join(f'{mine / other:.2f}' for mine, other in zip(rounds[ours], rounds[alone]))
        lines += [f'| {alone} | {data["seconds"][alone]:.1f} s | 1.00 | |',
                  f'| {ours} | {data["seconds"][ours]:.1f} s | {data["ratio"][ours]:.2f} | {each} |']
    return '\n'.join(lines) + (
        f'\n\n{data["pictures"]} pictures of {" x ".join(map(str, data["size"]))}, {data["suffix"]}; {data["processor"]}, '
        f'{data["threads"]} threads, torch {data["versions"]["torch"]}, {data["date"]}, `{data["command"]}`: '
        f'[{result.name}]({link}{result.name}).')


def _version(versions: dict[str, str]) -> str:
    return versions.get('mmdet') or versions['onedl-mmdetection']
