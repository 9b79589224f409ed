"""The helper that asserts the facts of a message can fail."""
import warnings

import pytest
from facts import assert_facts, find_line, missing_facts, raises, warns

MESSAGE = "search.metric of configs/a_10.py is 'mIoU', choose from 0.55, 1,000 or (1, 2)"


@pytest.mark.parametrize('fact', ['search.metric', 'a_10.py', "'mIoU'", 0.55, '1,000', (1, 2), 1, 'choose from'])
def test_a_fact_is_found_as_a_whole_word(fact):
    assert not missing_facts(MESSAGE, fact)


@pytest.mark.parametrize('fact', ['metrics', 'search.metri', 'a_1', 'a_10.p', 0.5, 55, '1,00', 10, '000', 'choose  from'])
def test_a_part_of_a_word_or_number_is_no_fact(fact):
    assert missing_facts(MESSAGE, fact) == [str(fact)]


@pytest.mark.parametrize('message', ['', 'a\nb', 'Traceback (most recent call last): a', 'b'])
def test_a_message_is_one_line_with_every_fact(message):
    with pytest.raises(AssertionError):
        assert_facts(message, 'a')


def test_facts_must_be_given():
    for facts in ((), ('', )):
        with pytest.raises(AssertionError):
            assert_facts('a', *facts)


@pytest.mark.parametrize('output', ['a\nb', 'Traceback\na b'])
def test_a_line_has_all_facts_and_no_traceback_is_printed(output):
    with pytest.raises(AssertionError):
        find_line(output, 'a', 'b')
    assert find_line('c\na b\n', 'a', 'b') == 'a b'


def test_errors_and_warnings():
    with raises(ValueError, 'a') as caught:
        raise ValueError('a b')
    assert caught.value.args == ('a b', )
    with warns(UserWarning, 'b'):
        warnings.warn('a b', stacklevel=1)
    with pytest.raises(AssertionError), raises(ValueError, 'c'):
        raise ValueError('a b')
    with pytest.raises(AssertionError), warns(UserWarning, 'c'):
        warnings.warn('a b', stacklevel=1)
