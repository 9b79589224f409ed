from types import SimpleNamespace

import pytest

from mmmux.engine.hooks import DisjointPatientsHook
from mmmux.utils.errors import ConfigError


def part(split: str, *patients: str, fraction: float = 0.125):
    return SimpleNamespace(split=split, val_fraction=fraction, patients=set(patients))


def compare(train, val) -> None:
    loaders = {f'{name}_dataloader': SimpleNamespace(dataset=dataset) for name, dataset in (('train', train), ('val', val))}
    DisjointPatientsHook().before_train(SimpleNamespace(val_loop=object(), **loaders))


def test_parts_without_a_common_patient_pass():
    compare(part('train', '1', '2'), part('val', '3'))


@pytest.mark.parametrize('wrap', [
    lambda dataset: dataset, lambda dataset: SimpleNamespace(dataset=dataset),
    lambda dataset: SimpleNamespace(datasets=[SimpleNamespace(dataset=dataset), SimpleNamespace()])],
    ids=['bare', 'repeated', 'beside another'])
def test_a_common_patient_is_named_with_both_parts(wrap):
    words = (r"^patient 2 and 1 more is in both train_dataloader \(split='train', val_fraction=0.125\) and "
             r"val_dataloader \(split='val', val_fraction=0.5\).*the same val_fraction")
    with pytest.raises(ConfigError, match=words):
        compare(wrap(part('train', '1', '2', '3')), wrap(part('val', '3', '4', '2', fraction=0.5)))


def test_one_common_patient_is_alone():
    with pytest.raises(ConfigError, match=r'^patient 3 is in both train_dataloader'):
        compare(part('train', '1', '3'), part('val', '3', '4'))


def test_every_part_of_several_is_compared():
    """And each tells how it was made."""
    several = SimpleNamespace(datasets=[part('train', '1', '2'), part('test', '5')])
    compare(several, part('val', '3', '4'))
    with pytest.raises(ConfigError, match=r"patient 5 is in both .*\(split='train', val_fraction=0.125, split='test'"):
        compare(several, part('val', '3', '5'))


def test_data_sets_that_tell_no_patients_pass():
    compare(SimpleNamespace(), part('val', '1'))


def test_training_without_validation_passes():
    DisjointPatientsHook().before_train(SimpleNamespace(val_loop=None))
