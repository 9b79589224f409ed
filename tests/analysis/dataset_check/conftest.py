import pytest
from mmengine.config import Config

from mmmux.analysis.dataset_check import check
from mmmux.tasks import task_of


@pytest.fixture
def checked():
    """Check data sets, given as the config of each split, and return the report."""
    def run(scope: str, jobs: int = 1, **datasets):
        loaders = {f'{split}_dataloader': dict(dataset=dataset) for split, dataset in datasets.items()}
        cfg = Config(dict(default_scope=scope, **loaders))
        return check(cfg, task_of(cfg).layouts(), jobs=jobs)

    return run


@pytest.fixture
def found_in():
    """Return the kind, the set, and the names (or without names, the sentence) of each finding of a report."""
    def rows(report) -> list[tuple]:
        return [(finding.kind, finding.where, *(finding.names or (finding.sentence, ))) for finding in report.findings]

    return rows
