import pytest
from facts import raises

from mmmux.datasets import LoadImage, LoadImageOrSkip
from mmmux.utils.errors import DatasetError

pytest.importorskip('mmdet')


@pytest.fixture
def pictures(voc):
    """A good picture and one that is spoiled after the data set has checked it."""
    voc.add('first', ('cell', 1, 1, 40, 40))
    voc.add('second', ('cell', 1, 1, 40, 40))
    dataset = voc.read(pipeline=[dict(type='mmmux.LoadImageOrSkip')])
    voc.picture('first').write_bytes(b'gone bad')
    return voc, dataset


def test_bad_picture_is_named_once_and_gives_nothing(pictures, log):
    voc, _ = pictures
    load = LoadImageOrSkip()
    path = str(voc.picture('first'))
    assert load(dict(img_path=path)) is None and load(dict(img_path=path)) is None
    assert [path in message for message in log.messages] == [True]
    assert load(dict(img_path=str(voc.picture('second'))))['img'].shape == (60, 80, 3)


def test_bad_picture_gets_a_sentence_in_testing(pictures):
    voc, _ = pictures
    with raises(DatasetError, voc.picture('first')):
        LoadImage()(dict(img_path=str(voc.picture('first'))))
    with raises(DatasetError, 'gone.jpg', 'missing'):
        LoadImage()(dict(img_path='gone.jpg'))


def test_data_set_draws_another_picture(pictures):
    _, dataset = pictures
    assert dataset[0]['img_id'] == 'second'


def test_a_few_bad_ones_never_end_a_run(pictures):
    voc, _ = pictures
    load = LoadImageOrSkip()
    for number in range(300):
        assert load(dict(img_path=f'/nowhere/{number}.jpg')) is None
        assert load(dict(img_path=str(voc.picture('second')))) is not None


def test_only_bad_ones_do(pictures):
    voc, dataset = pictures
    voc.picture('second').unlink()
    with raises(DatasetError, '100 pictures', 'data_root'):
        dataset[0]
