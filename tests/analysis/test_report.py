import json
import re
from pathlib import Path

import numpy as np
import pytest
from facts import raises
from mmengine.config import Config
from PIL import Image

from mmmux.analysis import report
from mmmux.analysis.curves import Curves
from mmmux.tasks import Classification, Detection, MultiLabelClassification, Segmentation
from mmmux.utils.errors import DatasetError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
FOLDERS = CONFIGS / 'classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py'
MACHINE = dict(date='2026-01-02', command='train.py', processor='A processor', cores=2, threads=1, gpu=None, system='Linux',
               python='3.11.7', versions=dict(torch='2.11.0', mmengine='0.10.7'))


def row(name: str, seed: int, minutes: float = 3., **metrics) -> dict:
    return dict(name=name, config=f'{name.lower()}.py', seed=seed, epochs=25, batch=128, size=[32, 48], params=1_234_567,
                macs=98_765_432, seconds_per_iteration=0.02, iterations=100, minutes=minutes, machine=MACHINE,
                metrics={name.replace('__', '/'): value for name, value in metrics.items()})


def cells(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table, without the line below its head."""
    lines = [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]
    assert set(lines[1]) == {'---'} and len({len(line) for line in lines}) == 1
    return [lines[0], *lines[2:]]


class TestResultsTable:

    def test_seeds_of_a_name_are_one_row_with_the_mean_the_lowest_and_the_highest(self):
        scores = dict(ours=[71.234, 70.1, 72.5], theirs=[60.001, 65.5, 60.1])
        rows = [row(name, seed, accuracy__top1=value) for seed in range(3) for name, value in
                ((name, values[seed]) for name, values in scores.items())]
        head, *lines = cells(report.results_table(rows, Classification.results))
        assert head == ['', 'top-1', 'parameters', 'multiply-adds', 'training']
        assert [line[0] for line in lines] == ['ours, 3 seeds', 'theirs, 3 seeds']
        for line, values in zip(lines, scores.values()):
            numbers = [float(number) for number in re.fullmatch(r'(\S+) \((\S+) to (\S+)\)', line[1]).groups()]
            assert numbers == pytest.approx([np.mean(values), np.min(values), np.max(values)], abs=0.005)

    def test_single_runs_and_costs(self):
        rows = [row('ours', 0, accuracy__top1=71.236), row('theirs', 0, 0.25, accuracy__top1=5.)]
        assert cells(report.results_table(rows, Classification.results))[1:] == [
            ['ours', '71.24', '1.23 M', '0.099 G', '3 min'], ['theirs', '5.00', '1.23 M', '0.099 G', '15 s']]

    def test_seeds_that_agree_are_one_number(self):
        rows = [row('ours', seed, minutes, accuracy__top1=50.) for seed, minutes in enumerate((1, 9, 2))]
        assert cells(report.results_table(rows, Classification.results))[1] == [
            'ours, 3 seeds', '50.00', '1.23 M', '0.099 G', '2 min']

    @pytest.mark.parametrize(('task', 'metrics', 'expected'), [
        (MultiLabelClassification.results, dict(auroc__mean=0.84149), {'mean AUROC': '0.841'}),
        (Detection.results, dict(pascal_voc__mAP=0.5), {'mAP': '0.500'}),
        (Segmentation.results, dict(mIoU=35.8, aAcc=77.777, mAcc=44.),
         {'mIoU': '35.80', 'pixel accuracy': '77.78', 'mean accuracy': '44.00'})])
    def test_columns_are_the_tasks(self, task, metrics, expected):
        head, line = cells(report.results_table([row('ours', 0, **metrics)], task))
        assert {title: value for title, value in zip(head, line) if title in expected} == expected
        assert head[1:-3] == list(expected)


def write(folder: Path, name: str, content) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.fixture
def trained(tmp_path):
    """Work dirs as tools/train.py and tools/test.py leave them, one for each seed; the config that was run has its own size."""
    def make(seed: int, top1: float, name: str = 'MUXNet-xs') -> report.Run:
        work_dir = tmp_path / f'{name}-{seed}'
        cfg = Config.fromfile(FOLDERS)
        cfg.randomness.seed, cfg.train_cfg.max_epochs = seed, 4
        cfg.train_pipeline[1].crop_size = cfg.train_dataloader.dataset.pipeline[1].crop_size = 64
        write(work_dir, 'config.py', Config.fromfile(FOLDERS).pretty_text)  # the test's, without the training's options
        write(work_dir / '20260101_000000/vis_data', 'config.py', cfg.pretty_text)
        write(work_dir / '20260102_000000/vis_data', 'config.py', Config.fromfile(FOLDERS).pretty_text)
        lines = [dict(loss=2. - number / 10, time=0.2 + number / 100 if number else 9., epoch=1 + number // 5,
                      iter=2 * number + 2) for number in range(10)]
        lines += [{'accuracy/top1': top1 - 1, 'step': 2}, {'accuracy/top1': top1, 'step': 4}]
        write(work_dir / '20260101_000000/vis_data', 'scalars.json', ''.join(json.dumps(line) + '\n' for line in lines))
        write(work_dir, 'metrics.json', {'accuracy/top1': top1})
        write(work_dir, 'machine.json', MACHINE)
        return report.Run(name, FOLDERS, work_dir)

    return make


class TestCollect:

    def test_settings_and_measurements(self, trained):
        data, curves = report.collect([trained(0, 50.), trained(1, 60.), trained(0, 40., 'other')])
        assert [(run['name'], run['seed']) for run in data['runs']] == [('MUXNet-xs', 0), ('MUXNet-xs', 1), ('other', 0)]
        first = data['runs'][0]
        assert first['config'] == FOLDERS.name and first['metrics'] == {'accuracy/top1': 50.} and first['machine'] == MACHINE
        # 671,863 parameters with ten classes; four times the multiply-adds of 32 x 32, but for the head and SE.
        assert first['params'] == 671_863 and first['size'] == [64, 64] and 3.7 < first['macs'] / 5_510_560 < 4
        # Ten iterations an epoch, four epochs; the median of 9, 0.21, 0.22, ... 0.29 seconds.
        assert (first['epochs'], first['iterations'], first['batch']) == (4, 40, 128)
        assert first['seconds_per_iteration'] == pytest.approx(0.255, abs=6e-4)
        assert first['minutes'] == pytest.approx(40 * 0.255 / 60, abs=0.051)
        assert set(curves) == {'MUXNet-xs, seed 0', 'MUXNet-xs, seed 1', 'other'}
        assert curves['MUXNet-xs, seed 1'].val['accuracy/top1'] == [(2, 59.), (4, 60.)]

    @pytest.mark.parametrize(('gone', 'facts'), [
        ('metrics.json', ['metrics.json', 'MUXNet-xs', 'tools/test.py']),
        ('machine.json', ['machine.json', 'MUXNet-xs', 'tools/train.py']),
        ('20260101_000000/vis_data/scalars.json', ['*/vis_data/scalars.json'])])
    def test_a_missing_file_is_named_with_the_tool_that_writes_it(self, trained, gone, facts):
        run = trained(0, 50.)
        (run.work_dir / gone).unlink()
        with raises(DatasetError, run.work_dir, *facts):
            report.collect([run])


class TestPage:

    @pytest.fixture
    def page(self, tmp_path):
        def make(rows: list[dict], task=Classification.results) -> str:
            curves = {'ours': Curves(train=dict(loss=[(1, 2.), (2, 1.)]), val={task.metric: [(1, 10.), (2, 20.)]})}
            data = dict(MACHINE, command='report.py --out page.md', runs=rows)
            picture = tmp_path / 'docs/page/one.jpg'
            picture.parent.mkdir(parents=True)
            Image.new('RGB', (8, 8)).save(picture)
            content = report.Page('A title', 'Some text.\n\n', task, data, curves, [picture])
            report.write_page(content, tmp_path / 'docs/page.md')
            assert json.loads((tmp_path / 'docs/page.json').read_text()) == data
            return (tmp_path / 'docs/page.md').read_text()

        return make

    def test_names_the_conditions_and_links_to_existing_files(self, page, tmp_path):
        text = page([row('ours', seed, accuracy__top1=50. + seed) for seed in (2, 0)] + [row('theirs', 0, accuracy__top1=9.)])
        assert text.startswith('# A title\n\nSome text.\n\n| ') and '`report.py --out page.md`' in text
        assert 'Configs `ours.py`, `theirs.py`; 25 epochs, batch 128, seeds 0, 2; multiply-adds at 48 x 32 pixels.' in text
        assert 'Top-1 is the share' in text and 'on A processor, 1 threads (Linux, Python 3.11.7, torch 2.11.0' in text
        assert '| ours, 2 seeds | 51.00 (50.00 to 52.00) |' in text
        links = re.findall(r'\]\(([^)]+)\)', text)
        assert set(links) == {'page.png', 'page/one.jpg', 'page.json'}
        assert all((tmp_path / 'docs' / link).is_file() for link in links)

    def test_of_findings_has_a_row_for_each(self, page):
        """Each row has the mean over the seeds."""
        rows = [row('ours', 0, auroc__mean=0.8, auroc__Mass=0.7, auroc__Hernia=0.9),
                row('ours', 1, auroc__mean=0.7, auroc__Mass=0.5, auroc__Hernia=0.9)]
        text = page(rows, MultiLabelClassification.results)
        by_finding = cells(text[text.index('| AUROC |'):].split('\n\n')[0])
        assert by_finding == [['AUROC', 'ours'], ['Mass', '0.600 (0.500 to 0.700)'], ['Hernia', '0.900']]
        assert '| ours, 2 seeds | 0.750 (0.700 to 0.800) |' in text

    def test_without_metrics_by_class_has_one_table(self, page):
        lines = page([row('ours', 0, accuracy__top1=50.)]).splitlines()
        assert sum(line.startswith('| ---') for line in lines) == 1

    def test_of_iterations_and_a_gpu(self, page):
        of_iterations = dict(row('ours', 0, mIoU=30., aAcc=70., mAcc=40.), epochs=None, machine=dict(MACHINE, gpu='A GPU'))
        text = page([of_iterations], Segmentation.results)
        assert '; 100 iterations, batch 128, seed 0;' in text and 'on A GPU, ' in text
