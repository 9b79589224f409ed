from types import SimpleNamespace

import pytest
from facts import raises

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
    with raises(ConfigError, 'patient 2', '1 more', "train_dataloader (split='train', val_fraction=0.125)",
                "val_dataloader (split='val', val_fraction=0.5)"):
        compare(wrap(part('train', '1', '2', '3')), wrap(part('val', '3', '4', '2', fraction=0.5)))


def test_one_common_patient_is_alone():
    with raises(ConfigError, 'patient 3', 'train_dataloader', 'val_dataloader') as error:
        compare(part('train', '1', '3'), part('val', '3', '4'))
    assert 'more' not in str(error.value)


def test_every_part_of_several_is_compared():
    """The message names the split of each part."""
    several = SimpleNamespace(datasets=[part('train', '1', '2'), part('test', '5')])
    compare(several, part('val', '3', '4'))
    with raises(ConfigError, 'patient 5', "train_dataloader (split='train', val_fraction=0.125, split='test'"):
        compare(several, part('val', '3', '5'))


def test_data_sets_without_patients_pass():
    compare(SimpleNamespace(), part('val', '1'))


def test_training_without_validation_passes():
    DisjointPatientsHook().before_train(SimpleNamespace(val_loop=None))
