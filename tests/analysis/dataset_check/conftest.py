import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmmux.analysis.dataset_check import check


@pytest.fixture
def checked():
    """Check data sets, given as the config of each split; give back the report."""
    def run(scope: str, jobs: int = 1, **datasets):
        loaders = {f'{split}_dataloader': dict(dataset=dataset) for split, dataset in datasets.items()}
        return check(Config(dict(default_scope=scope, **loaders)), jobs=jobs)

    yield run
    init_default_scope('mmengine')


@pytest.fixture
def told():
    """What a report found: kind, set, and the names or, where there are none, the sentence."""
    def tell(report) -> list[tuple]:
        return [(finding.kind, finding.where, *(finding.names or (finding.sentence, ))) for finding in report.findings]

    return tell
