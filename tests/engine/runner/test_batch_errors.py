"""The errors that the packages raise for a batch of unsuitable sizes become one sentence."""
import pytest
import torch
from facts import raises
from mmengine.config import Config
from tiny_training import Noise, make_runner
from torch import nn
from torch.utils.data import DataLoader

from mmmux.engine.runner.batch_errors import batch_errors_explained
from mmmux.utils.errors import ConfigError

CFG = Config(dict(train_dataloader=dict(batch_size=16), val_dataloader=dict(batch_size=8), test_dataloader=dict(batch_size=4)))


@pytest.mark.parametrize('tested,batch_size', [('val_dataloader', 8), ('test_dataloader', 4)])
def test_test_pictures_of_different_sizes(tested, batch_size):
    from mmseg.models import SegDataPreProcessor
    batch = dict(inputs=[torch.zeros(3, *size) for size in ((60, 80), (60, 80), (90, 64))], data_samples=None)
    with raises(ConfigError, f'{tested}.batch_size', batch_size, '80 x 60', '64 x 90', 'Resize'), \
            batch_errors_explained(CFG, tested):
        SegDataPreProcessor()(batch, False)


@pytest.mark.parametrize('workers,sizes', [(0, ('32 x 32', '24 x 40')), (1, ())])
def test_pictures_that_a_classifier_stacks(workers, sizes):
    """A loading process does not say the sizes."""
    loader = DataLoader([torch.zeros(3, 32, 32), torch.zeros(3, 40, 24)], batch_size=2, num_workers=workers)
    with raises(ConfigError, 'val_dataloader.batch_size', 8, *sizes, 'Resize'), \
            batch_errors_explained(CFG, 'val_dataloader'):
        next(iter(loader))


@pytest.mark.slow
def test_training_pictures(tmp_path):
    """The loop whose loader fails is that of the training."""
    class Growing(Noise):
        def __getitem__(self, index: int) -> torch.Tensor:
            return torch.zeros(3, 32, 32 + index)

    runner = make_runner(tmp_path, dict(by_epoch=True, max_epochs=1), {})
    loop = runner.train_loop
    loop.dataloader = DataLoader(Growing(), batch_size=2)
    with raises(ConfigError, 'train_dataloader.batch_size', 16, '32 x 32', '33 x 32'), \
            batch_errors_explained(CFG, 'val_dataloader'):
        loop.run_epoch()


def test_one_value_per_channel():
    with raises(ConfigError, 'train_dataloader.batch_size', 16, 'train_dataloader.drop_last=True'), \
            batch_errors_explained(CFG, 'val_dataloader'):
        nn.BatchNorm2d(3)(torch.zeros(1, 3, 1, 1))


@pytest.mark.parametrize('error', [AssertionError('a box has no area'), ValueError('bad mask'), KeyError('inputs'),
                                   RuntimeError('CUDA out of memory')])
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised, batch_errors_explained(CFG, 'val_dataloader'):
        raise error
    assert raised.value is error
