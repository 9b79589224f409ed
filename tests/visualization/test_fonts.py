"""Class names are drawn with a font of the machine that has their characters."""
import logging

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmmux.visualization import fonts
from mmmux.visualization.overlay import legend
from mmmux.visualization.scores import with_scores

CAT, DIGITS = '\u732b', '0123456789.:|%'
PALETTE = [(255, 255, 255)]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A machine whose only other font has one Chinese character, a black square, beside digits."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 1000), (1000, 1000), (1000, 0)):
        pen.lineTo(point)
    pen.closePath()
    square, names = pen.glyph(), ['.notdef', 'cat', *(f'c{ord(character)}' for character in DIGITS)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(CAT): 'cat', **{ord(character): f'c{ord(character)}' for character in DIGITS}})
    builder.setupGlyf({name: square if name == 'cat' else TTGlyphPen(None).glyph() for name in names})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable(dict(familyName='Squares', styleName='Regular'))
    builder.setupOS2(sTypoAscender=1000, usWinAscent=1000)
    builder.setupPost()
    builder.save(tmp_path / 'squares.ttf')
    installed = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(tmp_path / 'squares.ttf')
    _forget()
    yield
    font_manager.fontManager.ttflist = installed
    _forget()


@pytest.fixture
def lacking(monkeypatch):
    """A machine with matplotlib's fonts only."""
    own = [font for font in font_manager.fontManager.ttflist if font.fname.startswith(matplotlib.get_data_path())]
    monkeypatch.setattr(font_manager.fontManager, 'ttflist', own)
    _forget()
    yield
    _forget()


def _forget() -> None:
    fonts._covering.cache_clear()
    fonts._font_of.cache_clear()
    fonts._said = False


def black(picture) -> int:
    return int((np.asarray(picture) < 100).all(-1).sum())


def test_in_legends_and_beside_scores(made):
    """A square of 12 x 12 pixels is drawn, which no letter is."""
    labels = np.zeros((4, 4), int)
    assert black(legend(labels, [CAT], PALETTE, with_shares=False)) > 100 > black(legend(labels, ['c'], PALETTE, False))
    image = np.full((150, 150, 3), 255, np.uint8)
    assert black(with_scores(image, np.ones(1), [CAT])) > 100


def test_by_matplotlib(made):
    def drawn() -> int:
        figure = Figure(figsize=(1, 1), dpi=50)
        canvas = FigureCanvasAgg(figure)
        figure.text(0.1, 0.3, CAT, fontsize=30, family='sans-serif')
        canvas.draw()
        return black(np.asarray(canvas.buffer_rgba())[..., :3])

    before = list(matplotlib.rcParams['font.sans-serif'])
    with fonts.matplotlib_fonts([CAT]):
        covered = drawn()
    assert covered > 300 and matplotlib.rcParams['font.sans-serif'] == before


@pytest.mark.filterwarnings('ignore:Glyph')
def test_without_such_a_font_it_is_said_once(lacking, log):
    for _ in range(2):
        legend(np.array([0, 1]), [CAT, '\u72ac'], PALETTE * 2)
        with fonts.matplotlib_fonts([CAT]):
            pass
    said, = [record for record in log.records if record.levelno == logging.WARNING]
    assert any(character in said.getMessage() for character in (CAT, '\u72ac'))


@pytest.mark.parametrize('name', ['caf\u00e9', '\u043a\u043e\u0442', '\u03b3\u03ac\u03c4\u03b1'])
def test_letters_of_europe_need_no_font_of_the_machine(lacking, log, name):
    """Pillow's font has ASCII's characters only; matplotlib brings one."""
    font = fonts.pillow_font(name, 12)
    boxes = {bytes(font.getmask(character)) for character in ('\uffff', '\ufffe')}
    assert all(bytes(font.getmask(character)) not in boxes for character in name) and not log.records
