"""Make the tables of models from configs, results and the paper's figures."""
import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import yaml

from mmmux.analysis.complexity import classifier_complexity, input_shape, model_complexity
from mmmux.analysis.results import Results
from mmmux.config import load_config
from mmmux.models import ARCHITECTURES
from mmmux.tasks import task_of

_DATA_SETS = {'voc0712': 'PASCAL VOC 2007 test', 'coco': 'COCO val2017', 'bccd': 'BCCD test', 'shapes': 'drawn shapes',
              'ade20k': 'ADE20K val', 'cityscapes': 'Cityscapes val', 'camvid': 'CamVid val', 'scenes': 'drawn scenes',
              'imagenet': 'ImageNet val', 'cifar100': 'CIFAR-100 test', 'cifar10-folders': 'a tenth of CIFAR-10',
              'cifar10-224': 'CIFAR-10 test', 'chestxray14': 'ChestX-ray14 test'}


@dataclass(frozen=True)
class Entry:
    """A row of a table: a config with its costs and scores.

    Attributes:
        config: the config file.
        params: number of parameters of the whole model, counted.
        macs: multiply-adds of the parts that run at inference, counted on one picture of `size`.
        size: (height, width) in pixels.
        results: the metrics of the model's task.
        score: our score in the task's metric, the mean over the seeds; None if the model was not trained.
        paper: the paper's figures for the same setting, or ''.
    """
    config: Path
    params: int
    macs: int
    size: tuple[int, int]
    results: Results
    score: float | None
    paper: str

    @property
    def data_set(self) -> str:
        """Title of the data set, from the name of the config."""
        return next(title for key, title in _DATA_SETS.items() if f'_{key}' in self.config.name)

    @property
    def training_data(self) -> str:
        """The data set without the part that is tested on."""
        if '_voc0712' in self.config.name:
            return 'PASCAL VOC 2007 and 2012'
        return self.data_set.removeprefix('a tenth of ').removesuffix(' test').removesuffix(' val').removesuffix(' val2017')

    @property
    def result(self) -> str:
        """The score for a table."""
        return 'not trained yet' if self.score is None else f'{self.score:.{self.results.digits}f}'


def entries(root: Path, method: str) -> list[Entry]:
    """Return a row for every config in `configs/<method>` below the repository root, except templates."""
    paper = json.loads((root / 'docs/paper_figures.json').read_text())['configs']
    pages = [json.loads(path.read_text()) for path in sorted((root / 'docs/results').glob('*.json'))]
    ours = [run for page in pages for run in page.get('runs', [])]
    rows = []
    for config in sorted((root / 'configs' / method).glob('*.py')):
        if config.stem.endswith('_custom'):  # to be copied for other data
            continue
        cfg = load_config(config)
        height, width = input_shape(cfg)
        total = model_complexity(cfg, height, width)['total']
        results = task_of(cfg).results
        scores = [run['metrics'][results.metric] for run in ours if run['config'] == config.name]
        score = mean(scores) if scores else None  # over the seeds
        rows.append(Entry(config, total.params, total.macs, (height, width), results, score, paper.get(config.name, '')))
    return rows


def config_table(rows: list[Entry], link: str) -> str:
    """Return a Markdown table of configs; `link` is the text before each config's file name in the link to it."""
    metric = ' or '.join(dict.fromkeys(next(iter(row.results.columns)) for row in rows))
    lines = [f'| config | tested on | parameters | multiply-adds | at | {metric} (ours) | published |',
             '|---|---|---|---|---|---|---|']
    for row in rows:
        lines.append(f'| [{row.config.stem}]({link}{row.config.name}) | {row.data_set} | {row.params / 1e6:.2f} M | '
                     f'{_multiply_adds(row.macs)} | {row.size[0]} x {row.size[1]} | {row.result} | {row.paper or "-"} |')
    return '\n'.join(lines)


def _multiply_adds(macs: int) -> str:
    return f'{macs / 1e9:.2f} G' if macs >= 1e8 else f'{macs / 1e6:.1f} M'


def backbone_table(root: Path) -> str:
    """Return a Markdown table of the family's counted costs, as classifiers of 1000 classes at 224 x 224 pixels."""
    paper = json.loads((root / 'docs/paper_figures.json').read_text())['backbones']
    lines = ['| network | parameters | multiply-adds | parameters, the paper | multiply-adds, the paper | '
             'ImageNet top-1, the paper |',
             '|---|---|---|---|---|---|']
    for name, arch in ARCHITECTURES.items():
        total = classifier_complexity(arch)
        theirs = paper.get(name, {})
        lines.append(f'| MUXNet-{name} | {total.params:,} | {total.macs:,} | {theirs.get("params", "-")} | '
                     f'{theirs.get("macs", "-")} | {theirs.get("ImageNet top-1", "-")} |')
    return '\n'.join(lines)


def benchmark_table(result: Path) -> str:
    """Return a Markdown table of a result file of `benchmarks/backbones.py` or `segmentors.py`."""
    data = json.loads(result.read_text())
    tasks = (('forward', data['batch']), ('training step', data['train_batch']))
    with_memory = any('peak_mib' in row for task, _ in tasks for row in data[task].values())
    head = ['', 'network', 'median', 'quartiles', 'ratio'] + ['peak memory'] * with_memory
    lines = ['| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
    for task, batch in tasks:
        for name, row in data[task].items():
            middle, low, high = (round(value, 2) for value in (row['median_ms'], *row['quartiles_ms']))
            memory = f' {row["peak_mib"]} MiB |' if with_memory else ''
            lines.append(f'| {task}, batch {batch} | {name} | {middle} ms | {low} to {high} ms | '
                         f'{row["ratio"]:.2f} |{memory}')
    where = data['gpu'] or data['processor']
    return '\n'.join(lines) + (f'\n\n{data["size"]} x {data["size"]} pixels, float32, {data["rounds"]} rounds; {where}, '
                               f'{data["threads"]} threads, torch {data["versions"]["torch"]}, {data["date"]}. Written by '
                               f'`{data["command"]}`: [{result.name}](results/{result.name}).')


def metafile(rows: list[Entry], collection: str, root: Path) -> str:
    """Return OpenMMLab's metafile (YAML) for the configs of one method.

    `FLOPs` are multiply-adds, as in mmpretrain's metafiles; mim accepts texts, numbers and lists of texts as values.
    """
    models = []
    for row in rows:
        model = dict(Name=row.config.stem, In_Collection=collection, Config=str(row.config.relative_to(root)),
                     Metadata={'Training Data': row.training_data, 'FLOPs': row.macs, 'Parameters': row.params,
                               'Input size': f'{row.size[0]} x {row.size[1]}'})
        if row.score is not None:
            model['Results'] = [dict(Task=row.results.metafile_task, Dataset=row.data_set,
                                     Metrics={row.results.metafile_metric: round(row.score, 4)})]
        models.append({key.replace('_', ' '): value for key, value in model.items()})
    paper = dict(Title='MUXConv: Information Multiplexing in Convolutional Neural Networks',
                 URL='https://arxiv.org/abs/2003.13880')
    return '# Written by .dev_scripts/update_pages.py.\n' + yaml.safe_dump(
        dict(Collections=[dict(Name=collection, Paper=paper, README=f'configs/{collection.lower()}/README.md')], Models=models),
        sort_keys=False)


def replaced(text: str, marker: str, table: str) -> str:
    """Return `text` with `table` between `<!-- marker -->` and `<!-- end marker -->`.

    Raises:
        ValueError: the text has no such marks.
    """
    pattern = re.compile(rf'(<!-- {marker} -->\n).*?(<!-- end {marker} -->)', re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f'the document has no <!-- {marker} --> ... <!-- end {marker} -->, between which a table is written')
    return pattern.sub(lambda found: found[1] + table + '\n' + found[2], text)
