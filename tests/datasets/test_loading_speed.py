"""The slow steps of loading a data set run once, and a progress bar informs the user."""
import builtins
import encodings.aliases
import gc
import io
import json
from collections import Counter
from contextlib import redirect_stderr

import pytest
from facts import raises
from PIL import Image

from mmmux.datasets.loading_bar import loading_bar
from mmmux.datasets.paused_collector import collector_paused
from mmmux.utils.errors import DatasetError

pytest.importorskip('mmdet')

TURNED = Image.Exif()
TURNED[0x0112] = 6


@pytest.fixture
def opened(monkeypatch):
    """How many times each file is opened."""
    counts, really_open = Counter(), builtins.open

    def counted(path, *args, **kwargs):
        counts[str(path)] += 1
        return really_open(path, *args, **kwargs)

    monkeypatch.setattr(builtins, 'open', counted)
    return counts


@pytest.mark.parametrize('extension,save', [
    ('.jpg', {}), ('.jpg', dict(exif=TURNED)), ('.jpg', dict(progressive=True)), ('.png', {})],
    ids=['JPEG', 'JPEG with EXIF tags', 'progressive JPEG', 'PNG'])
def test_every_file_is_opened_once(voc, opened, extension, save):
    for name in ('a', 'b'):
        voc.add(name, ('cell', 11, 11, 31, 41), extension=extension, **save)
    opened.clear()
    assert len(voc.read()) == 2
    files = [str(path) for name in ('a', 'b') for path in (voc.picture(name, extension), voc.annotation(name))]
    assert {path: count for path, count in opened.items() if path in files} == dict.fromkeys(files, 1)


def test_no_encoding_hides_a_doctype(tmp_path):
    """Entities are defined in a DOCTYPE; whether a file may have one is seen from its bytes."""
    from mmmux.datasets.voc_annotation import parse_annotation
    text = '<!DOCTYPE a [<!ENTITY x "cell">]><annotation><object><name>&x;</name><bndbox>' + ''.join(
        f'<{side}>5</{side}>' for side in ('xmin', 'ymin', 'xmax', 'ymax')) + '</bndbox></object></annotation>'
    refused = 0
    for name in sorted({'utf_16_le', 'utf_16_be', 'utf_8_sig', *encodings.aliases.aliases.values()}):
        head = f'<?xml version="1.0" encoding="{name.replace("_", "-")}"?>'
        try:
            files = [(head + text).encode(name), head.encode() + text.encode(name), text.encode(name)]
        except (LookupError, UnicodeError, AttributeError, AssertionError, TypeError):  # no encoding of texts
            continue
        for data in files:
            (tmp_path / 'a.xml').write_bytes(data)
            with raises(DatasetError, 'a', 'annotation'):
                parse_annotation(str(tmp_path / 'a.xml'), 'a')
            refused += 1
    assert refused > 200


class Terminal(io.StringIO):

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that a test sets."""

    now = 0.

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr('tqdm.std.tqdm.monitor_interval', 0)  # without its thread, which looks at another clock
    clock = Clock()
    monkeypatch.setattr('tqdm.std.time', clock)
    return clock


def test_a_short_loading_shows_none(clock):
    with redirect_stderr(Terminal()) as terminal:
        for _ in loading_bar(range(10)):
            clock.now += 0.25
    assert terminal.getvalue() == ''


def read_voc(folder):
    for number in range(8):
        folder.add(f'{number}', ('cell', 11, 11, 31, 41))
    return folder.read()


def read_coco(folder):
    from mmdet.registry import DATASETS
    (folder.root / 'all.json').write_text(json.dumps(dict(
        images=[dict(id=number, file_name=f'{number}.jpg', width=80, height=60) for number in range(8)],
        annotations=[], categories=[dict(id=1, name='cell'), dict(id=7, name='dot')])))
    return DATASETS.build(dict(type='mmmux.CocoDataset', data_root=str(folder.root), ann_file='all.json', pipeline=[],
                               data_prefix=dict(img=''), metainfo=dict(classes=('cell', 'dot'))))


@pytest.fixture
def slow(clock, monkeypatch):
    """A second passes with every picture."""
    from mmdet.datasets import CocoDataset

    from mmmux.datasets import VOCDataset

    def with_a_second(method):
        def called(*args):
            clock.now += 1
            return method(*args)

        return called

    monkeypatch.setattr(VOCDataset, '_read', with_a_second(VOCDataset._read))
    monkeypatch.setattr(CocoDataset, 'parse_data_info', with_a_second(CocoDataset.parse_data_info))


@pytest.mark.parametrize('output,seen', [(Terminal, True), (io.StringIO, False)], ids=['terminal', 'file'])
@pytest.mark.parametrize('read', [read_voc, read_coco])
def test_readers_show_on_a_terminal_how_far_they_are(voc, read, slow, output, seen):
    with redirect_stderr(output()) as shown:
        assert len(read(voc)) == 8
    assert ('/8' in shown.getvalue()) == seen


def test_the_collector_is_paused_and_goes_on_after_an_error():
    with pytest.raises(KeyError), collector_paused():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()
