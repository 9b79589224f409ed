from types import SimpleNamespace

import pytest

from mmmux.engine import DisjointPatientsHook
from mmmux.errors import ConfigError


def part(split: str, *patients: str, fraction: float = 0.125):
    return SimpleNamespace(split=split, val_fraction=fraction, patients=set(patients))


def compare(train, val) -> None:
    loaders = {f'{name}_dataloader': SimpleNamespace(dataset=dataset) for name, dataset in (('train', train), ('val', val))}
    DisjointPatientsHook().before_train(SimpleNamespace(val_loop=object(), **loaders))


def test_parts_without_a_common_patient_pass():
    compare(part('train', '1', '2'), part('val', '3'))


@pytest.mark.parametrize('wrap', [lambda dataset: dataset, lambda dataset: SimpleNamespace(dataset=dataset)],
                         ids=['bare', 'repeated'])
def test_a_common_patient_is_named_with_both_parts(wrap):
    words = (r"patient 2 and 1 others .*train_dataloader \(split='train', val_fraction=0.125\) and "
             r"val_dataloader \(split='val', val_fraction=0.5\).*the same val_fraction")
    with pytest.raises(ConfigError, match=words):
        compare(wrap(part('train', '1', '2', '3')), wrap(part('val', '3', '4', '2', fraction=0.5)))


def test_data_sets_that_tell_no_patients_pass():
    compare(SimpleNamespace(), part('val', '1'))


def test_training_without_validation_passes():
    DisjointPatientsHook().before_train(SimpleNamespace(val_loop=None))
