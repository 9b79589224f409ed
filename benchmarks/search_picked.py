#!/usr/bin/env python
"""Write the results of a search, and of longer trainings of its picked network and of others, to a JSON file for the documents.

Each --run names a config, and the work dir of both tools/train.py and tools/test.py with that config.
"""
import argparse
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmmux.analysis.report import Run, collect
from mmmux.config import load_config
from mmmux.search.front import front
from mmmux.search.generations import GENERATIONS_FILE
from mmmux.search.pick import read_results
from mmmux.search.prediction import measured
from mmmux.search.settings import SearchSettings, read_settings
from mmmux.utils import cli
from mmmux.utils.atomic_write import write_json
from mmmux.utils.errors import ConfigError


def found(search: SearchSettings, cfg: Config, work_dir: Path) -> dict:
    """Summarise a finished search: settings, number of evaluations, rank correlations and the front.

    Args:
        search: the settings of the search.
        cfg: its config.
        work_dir: its work dir.

    Raises:
        ConfigError: the folder has no search of this config, or one that has not finished its first generation.
    """
    evaluations = read_results(work_dir, search.space)
    generations = work_dir / GENERATIONS_FILE
    if not generations.is_file():
        raise ConfigError(f'{generations} does not exist, because the search has not finished its first generation: continue '
                          'it with tools/search.py --resume')
    good = [evaluation for evaluation in evaluations if evaluation.done]
    best = [good[index] for index in front(measured(good, search.objectives))]
    last = json.loads(generations.read_text())[-1]
    init_default_scope(cfg.default_scope)
    return dict(
        metric=search.metric, budgets=dict(search.budgets), seed=search.seed, initial=search.initial,
        evaluations=len(evaluations), done=len(good), pictures=len(DATASETS.build(cfg.val_dataloader.dataset)),
        seconds_of_an_evaluation=round(sum(evaluation.seconds for evaluation in evaluations) / len(evaluations), 1),
        spearman=last['spearman_so_far'], kendall=last['kendall_so_far'],
        front=[dict(error=row.error, params=row.params, macs=row.macs) for row in sorted(best, key=lambda row: row.macs)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config of the search')
    parser.add_argument('work_dir', type=Path, help='work dir of the search')
    parser.add_argument('--run', nargs=3, action='append', default=[], metavar=('NAME', 'CONFIG', 'WORK_DIR'),
                        help='name, config and work dir of a training to compare; repeat --run for each')
    parser.add_argument('--out', type=Path, required=True, help='JSON file to write')
    args = parser.parse_args()
    with cli.sentences():
        cfg = load_config(args.config)
        data, _ = collect([Run(name, Path(config), Path(work_dir)) for name, config, work_dir in args.run])
        data['search'] = found(read_settings(cfg), cfg, args.work_dir)
    write_json(args.out, data)


if __name__ == '__main__':
    main()
