"""Text from outside: made harmless before it reaches a terminal, a log or a file name."""

import unicodedata
from collections.abc import Mapping, Sequence

MAX_LINE = 400


def harmless(text: str) -> str:
    """Return the text with every control character written out: escapes colour nothing here."""
    if text.isprintable():  # Python's word for it is stricter, and a hundred times quicker
        return text
    return "".join(c if c in "\n\t" or not _is_control(c) else _written_out(c) for c in text)


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """Return the text as one harmless line, cut with an ellipsis where it is too long."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 host`, `2 hosts`, `2 processes`."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def first_of(words: Sequence[str], most: int, between: str = ", ") -> str:
    """Return the first of many: `a, b and 3 more`; between semicolons `a; b; and 3 more`."""
    said, more = between.join(words[:most]), len(words) - most
    return f"{said}{between.replace(',', '')}and {more} more" if more > 0 else said


def seconds_in_words(seconds: int) -> str:
    """Return `2 h 5 min`, `24 h`, `3 min 20 s` or `12 s`."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    return f"{left} s"


def framed(texts: Mapping[str, str]) -> bytes:
    """Return texts as lines, each with the short name of its text and a space before it.

    A verifier takes them apart with one pattern; a tar from a stranger is more than root should
    unpack.
    """
    return "".join(
        f"{name} {line}\n"
        for name, text in texts.items()
        for line in text.removesuffix("\n").split("\n")
    ).encode()


def is_plain(text: str) -> bool:
    """Tell whether the text holds no control character at all."""
    if text.isprintable():  # as above; a scan asks it of every line of every host
        return True
    return not any(_is_control(character) for character in text)


def _is_control(character: str) -> bool:
    # Cf holds the marks that reverse the reading direction, which can disguise a name.
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()
