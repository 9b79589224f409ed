"""Fonts of this machine that have the characters of class names."""
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache

from mmengine.logging import print_log
from PIL import ImageFont

_ALWAYS = '0123456789.:|% '  # scores that stand beside the names
_PLACEHOLDERS = ('Last Resort', )  # fonts of boxes with the number of a character
_NO_CHARACTER = '\uffff'
_said = False


def pillow_font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's font, or if it lacks a character of a text the font of this machine that has most of them.

    Args:
        text (str): The text to draw.
        size (int): Size in pixels.
    """
    return _default_font(size) if text.isascii() else _font_of(frozenset(text), size)


@cache
def _default_font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


@lru_cache(1024)
def _font_of(characters: frozenset[str], size: int) -> ImageFont.FreeTypeFont:
    font = _default_font(size)
    empty = bytes(font.getmask(_NO_CHARACTER))
    if all(bytes(font.getmask(character)) != empty for character in characters if not character.isspace()):
        return font
    path = _covering(characters)
    return font if path is None else ImageFont.truetype(path, size)


@contextmanager
def matplotlib_fonts(texts: Iterable[str]) -> Iterator[None]:
    """Let matplotlib, in this context, draw texts of the family 'sans-serif' with a font that has their characters."""
    characters = frozenset(''.join(texts))
    if all(map(str.isascii, characters)):
        yield
        return
    import matplotlib
    from matplotlib.font_manager import get_font
    path = _covering(characters)
    families = matplotlib.rcParams['font.sans-serif']
    with matplotlib.rc_context({'font.sans-serif': [*([get_font(path).family_name] if path else []), *families]}):
        yield


@cache
def _covering(characters: frozenset[str]) -> str | None:
    """Return the font file that has most of some characters; say which ones no font has."""
    from matplotlib.font_manager import fontManager, get_font
    wanted = {ord(character) for character in characters | set(_ALWAYS) if not character.isspace()}
    best, lacking = None, wanted
    # Upright fonts of usual weight, matplotlib's own first of equals.
    fonts = sorted(fontManager.ttflist, key=lambda font: (font.style != 'normal', str(font.weight) not in ('400', 'normal'),
                                                          font.name != 'DejaVu Sans', font.name))
    for font in fonts:
        if font.name.startswith(_PLACEHOLDERS):
            continue
        try:
            lacks = wanted - set(get_font(font.fname).get_charmap())
        except (OSError, RuntimeError):  # a file that was removed, or that FreeType cannot read
            continue
        if len(lacks) < len(lacking):
            best, lacking = font.fname, lacks
        if not lacking:
            break
    if lacking:
        _say_once(''.join(map(chr, sorted(lacking)[:20])))
    return best


def _say_once(lacking: str) -> None:
    global _said
    if not _said:
        print_log(f"class names have characters that no font of this machine has, among them '{lacking}'; they are drawn as "
                  'boxes: install a font that has them, for example Noto Sans CJK', 'current', logging.WARNING)
    _said = True
