"""Hook that compares the patients of the training data with those of the validation data."""
from collections.abc import Iterator

from mmengine.hooks import Hook

from mmmux.registry import HOOKS
from mmmux.utils.errors import ConfigError


@HOOKS.register_module()
class DisjointPatientsHook(Hook):
    """Refuse to train if a patient is in both the training and the validation data, which would bias the score upwards.

    A :class:`mmmux.datasets.ChestXray14` data set knows the patients of its own split only, so this hook compares two of
    them. Data sets without the attribute `patients` are not checked.

    Raises:
        ConfigError: A patient is in both. The message names the patient and both splits.
    """

    def before_train(self, runner) -> None:
        """Compare the patients before the first epoch."""
        if runner.val_loop is None:
            return
        train, val = (list(_innermost(loader.dataset)) for loader in (runner.train_dataloader, runner.val_dataloader))
        shared = _patients(train) & _patients(val)
        if shared:
            others = f' (and {len(shared) - 1} more)' if len(shared) > 1 else ''
            raise ConfigError(f'patient {min(shared)}{others} is in both train_dataloader ({_splits(train)}) and '
                              f"val_dataloader ({_splits(val)}): use the splits 'train' and 'val' with the same val_fraction")


def _innermost(dataset) -> Iterator:
    """Yield the data sets inside wrappers such as RepeatDataset and ConcatDataset."""
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _innermost(part)
    elif hasattr(dataset, 'dataset'):
        yield from _innermost(dataset.dataset)
    else:
        yield dataset


def _patients(datasets: list) -> set:
    return set().union(*(getattr(dataset, 'patients', set()) for dataset in datasets))


def _splits(datasets: list) -> str:
    return ', '.join(f"split='{dataset.split}', val_fraction={dataset.val_fraction}" for dataset in datasets
                     if hasattr(dataset, 'patients'))
