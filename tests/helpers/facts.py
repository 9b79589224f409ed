"""Assert the facts of a message (value, key, file, accepted values), not its wording.

A fact is a string that the reader needs, and that a message about another mistake would not have: `'search.metric'`,
`'muxnet_q'`, `'epoch_3.pth'`, `'--resume'`. It has to occur as a whole word: `'stage 1'` is not found in `'stage 10'`,
nor `'0.5'` in `'0.55'`.
"""
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def missing_facts(text: str, *facts: object) -> list[str]:
    """Return those facts that do not occur in a text as whole words; a fact that is no string stands for its `str()`."""
    assert facts and all(str(fact) for fact in facts), 'name the facts that the text has to give'
    return [str(fact) for fact in facts if not _whole(str(fact)).search(text)]


def assert_facts(message: str, *facts: object) -> None:
    """Assert that a message is one line without a traceback, and gives every fact."""
    assert 'Traceback' not in message and len(message.strip().splitlines()) == 1, f'not one line: {message!r}'
    missing = missing_facts(message, *facts)
    assert not missing, f'{missing} not in {message!r}'


def find_line(output: str, *facts: object) -> str:
    """Return the first line of a program's output that gives every fact; fail if none does, or if a traceback is printed."""
    assert 'Traceback' not in output, output[-3000:]
    lines = [line for line in output.splitlines() if not missing_facts(line, *facts)]
    assert lines, f'no line gives all of {[str(fact) for fact in facts]}: {output[-3000:]!r}'
    return lines[0]


@contextmanager
def raises(error: type[Exception], *facts: object) -> Iterator[pytest.ExceptionInfo]:
    """Assert that the block raises an error whose message is one line and gives every fact, as `pytest.raises` yields it.

    Example:
        >>> with raises(ValueError, 'search.metric', 'score'):
        ...     raise ValueError("search.metric is 'score', choose from accuracy, loss")
    """
    with pytest.raises(error) as caught:
        yield caught
    assert_facts(str(caught.value), *facts)


@contextmanager
def warns(category: type[Warning], *facts: object) -> Iterator[None]:
    """Assert that the block issues a warning of a category whose message is one line and gives every fact."""
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter('always')
        yield
    messages = [str(warning.message) for warning in issued if issubclass(warning.category, category)]
    fitting = [message for message in messages if not missing_facts(message, *facts)]
    assert fitting, f'no {category.__name__} gives all of {[str(fact) for fact in facts]}: {messages}'
    assert_facts(fitting[0], *facts)


def _whole(fact: str) -> re.Pattern:
    before = r'(?<!\w)(?<!\d[.,])' if re.match(r'\w', fact) else ''
    after = r'(?!\w|[.,]\d)' if re.search(r'\w$', fact) else ''
    return re.compile(before + re.escape(fact) + after)
