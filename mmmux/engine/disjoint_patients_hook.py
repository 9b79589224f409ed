"""A hook that compares the patients of the training with those of the validation data."""
from mmengine.hooks import Hook

from mmmux.errors import ConfigError
from mmmux.registry import HOOKS


@HOOKS.register_module()
class DisjointPatientsHook(Hook):
    """Refuse to train where a patient is in both the training and the validation data: the score would be flattering.

    Each data set of :class:`mmmux.datasets.ChestXray14` knows its own part only. Others, which tell no patients, pass.

    Raises:
        ConfigError: as above; the message names a patient and both parts.
    """

    def before_train(self, runner) -> None:
        """Compare, before the first epoch."""
        if runner.val_loop is None:
            return
        train, val = (_innermost(loader.dataset) for loader in (runner.train_dataloader, runner.val_dataloader))
        shared = getattr(train, 'patients', set()) & getattr(val, 'patients', set())
        if shared:
            raise ConfigError(f'patient {min(shared)} and {len(shared) - 1} others are in both train_dataloader '
                              f"(split='{train.split}', val_fraction={train.val_fraction}) and val_dataloader "
                              f"(split='{val.split}', val_fraction={val.val_fraction}): use the splits 'train' and 'val' with "
                              'the same val_fraction')


def _innermost(dataset):
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return dataset
