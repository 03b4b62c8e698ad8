"""Versions of Debian packages, in dpkg's order (deb-version(7), Debian policy 5.6.12)."""

import re
from functools import lru_cache

from oakum.core.errors import InputError
from oakum.core.text import one_line

Part = int | str
Key = tuple[int, tuple[Part, ...], tuple[Part, ...]]

SHAPE = re.compile(
    r"(?:(?P<epoch>[0-9]+):)?(?P<upstream>[A-Za-z0-9.+:~-]+?)(?:-(?P<revision>[A-Za-z0-9.+~]*))?"
)
PIECES = re.compile(r"([^0-9]*)([0-9]*)")
TILDE, END, LETTER, OTHER = 0, 1, 2, 3
"""How dpkg ranks the characters of a part that holds no digits: `~` sorts before its very end."""


class InvalidVersionError(InputError):
    """The text is no version of a Debian package."""


@lru_cache(maxsize=1 << 17)
def key(version: str) -> Key:
    """Return a value that sorts as dpkg sorts the version. Raises InvalidVersionError."""
    match = SHAPE.fullmatch(version)
    if match is None:
        raise InvalidVersionError(f"{one_line(version)!r} is no Debian version")
    upstream, revision = match["upstream"], match["revision"]
    return (int(match["epoch"] or 0), _parts(upstream), _parts(revision or ""))


def compare(first: str, second: str) -> int:
    """Return -1, 0 or 1: `first` sorts before, with or after `second`.

    Raises InvalidVersionError for either.
    """
    a, b = key(first), key(second)
    return (a > b) - (a < b)


def _parts(text: str) -> tuple[Part, ...]:
    """Return alternating non-digit and digit pieces; pieces of one kind compare as dpkg does.

    The text of a piece becomes characters whose natural order is dpkg's; each ends with the mark
    of its end, so that `~` before it sorts lower and anything else higher. A missing number is 0.
    """
    parts = list[Part]()
    for letters, digits in PIECES.findall(text):
        if letters or digits:
            parts.extend((_ranked(letters), int(digits or 0)))
    # `1.` and `1.0` are equal to dpkg: what is missing at the end counts as an empty piece and 0.
    while parts and parts[-1] == 0 and parts[-2] == _ranked(""):
        del parts[-2:]
    return (*parts, _ranked(""))


def _ranked(letters: str) -> str:
    return "".join(map(_rank, letters)) + chr(END)


def _rank(character: str) -> str:
    if character == "~":
        return chr(TILDE)
    return chr(LETTER) + character if character.isalpha() else chr(OTHER) + character
