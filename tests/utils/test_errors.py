import pytest

from mmmux.utils.errors import in_a_line


@pytest.mark.parametrize('foreign,shown', [
    ('plain', 'plain'), (' \n a\nb', 'a'), ('caf\xe9 \u4f60', 'caf\xe9 \u4f60'), ('', ''), ('\n', ''),
    ('\x1b[31mred', r'\x1b[31mred'), ('a\0b', r'a\x00b'), ('\udcff', r'\udcff'), ('a\u2028b', 'a'), ('\u202eabc', r'\u202eabc'),
])
def test_foreign_text_in_a_sentence(foreign, shown):
    assert in_a_line(foreign) == shown and in_a_line(foreign).isprintable()


def test_length():
    assert in_a_line('a' * 10**6) == 'a' * 200 + '...'
