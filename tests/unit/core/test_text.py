import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text

from oakum.core.text import MAX_LINE, first_of, harmless, is_plain, one_line

any_text = hostile_text | st.text(st.characters(), max_size=40)


@given(any_text)
def test_harmless_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    """Only line breaks and tabs are left of all control characters."""
    assert is_plain(harmless(text).replace("\n", "").replace("\t", ""))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Names in any script are no danger."""
    assert harmless(text) == text
    assert is_plain(text)


@given(any_text)
def test_making_harmless_twice_is_making_it_once(text: str) -> None:
    """It can be done at every door."""
    assert harmless(harmless(text)) == harmless(text)


@given(any_text, st.integers(1, 50))
def test_one_line_is_one_plain_line_of_limited_length(text: str, limit: int) -> None:
    """Whatever was given, a log keeps one line for one event."""
    line = one_line(text, limit)
    assert is_plain(line)
    assert len(line) <= limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\n b\t c ", "a b c"),
        ("x\u202egnp.exe", "x\\u202egnp.exe"),
        ("\x9b1m", "\\x9b1m"),
        ("x" * 500, "x" * (MAX_LINE - 1) + "…"),
    ],
)
def test_one_line(text: str, expected: str) -> None:
    """Escapes and marks that turn the reading direction are written out."""
    assert one_line(text) == expected


@pytest.mark.parametrize(
    ("words", "between", "said"),
    [
        ("", ", ", ""),
        ("ab", ", ", "a, b"),
        ("abcd", ", ", "a, b and 2 more"),
        ("abcd", "; ", "a; b; and 2 more"),
    ],
)
def test_of_many_the_first_are_named_and_the_others_counted(
    words: str, between: str, said: str
) -> None:
    """Two at most here."""
    assert first_of([*words], 2, between) == said
