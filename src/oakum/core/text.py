"""Text from outside: made harmless before it reaches a terminal, a log or a file name."""

import unicodedata

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
