"""What the packages raise for a batch of unsuitable sizes becomes a sentence."""
import pytest
import torch
from facts import raises
from mmengine.config import Config
from torch import nn

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


def test_one_value_per_channel():
    with raises(ConfigError, 'train_dataloader.batch_size', 16, 'train_dataloader.drop_last=True'), \
            batch_errors_explained(CFG, 'val_dataloader'):
        nn.BatchNorm2d(3)(torch.zeros(1, 3, 1, 1))


@pytest.mark.parametrize('error', [AssertionError('a box has no area'), ValueError('bad mask'), KeyError('inputs')])
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised, batch_errors_explained(CFG, 'val_dataloader'):
        raise error
    assert raised.value is error
