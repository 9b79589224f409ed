import pytest

from mmmux.datasets import LoadImageOrSkip

pytest.importorskip('mmdet')


@pytest.fixture
def paths(voc):
    """A picture that cannot be read, and a good one."""
    bad, good = voc.add('first', ('cell', 1, 1, 40, 40)), voc.add('second', ('cell', 1, 1, 40, 40))
    bad.write_bytes(b'gone bad')
    return str(bad), str(good)


def test_bad_picture_is_named_once_and_gives_nothing(paths, log):
    load, (bad, good) = LoadImageOrSkip(), paths
    assert load(dict(img_path=bad)) is None and load(dict(img_path=bad)) is None
    assert [bad in message for message in log.messages] == [True]
    assert load(dict(img_path=good))['img'].shape == (60, 80, 3)


def test_a_few_bad_ones_never_end_a_run(paths):
    load, (_, good) = LoadImageOrSkip(), paths
    for number in range(300):
        assert load(dict(img_path=f'/nowhere/{number}.jpg')) is None
        assert load(dict(img_path=good)) is not None
