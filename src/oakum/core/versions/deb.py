"""Versions of Debian packages, in dpkg's order (deb-version(7), Debian policy 5.6.12)."""

import re
from functools import lru_cache

from oakum.core.versions.order import MAX_LENGTH, comparing, invalid, split

Part = int | str
Key = tuple[int, tuple[Part, ...], tuple[Part, ...]]

VERSION = re.compile(
    r"(?:[0-9]{1,9}:(?:[A-Za-z0-9.+:~-]+-)?[A-Za-z0-9.+~]+"
    r"|[0-9]{1,9}:[A-Za-z0-9.+:~]+"
    r"|(?:[A-Za-z0-9.+~-]+-)?[A-Za-z0-9.+~]+)"
)
"""Colons stand in what follows an epoch alone, and never in the revision after the last hyphen."""
DIGITS = re.compile(r"([0-9]+)")
TILDE, END, LETTER, OTHER = 0, 1, 2, 3
"""How dpkg ranks the characters of a part that holds no digits: `~` sorts before its very end."""


@lru_cache(maxsize=1 << 17)
def key(version: str) -> Key:
    """Return a value that sorts as dpkg sorts the version. Raises InvalidVersionError."""
    if not is_version(version):
        raise invalid(version, "Debian")
    epoch, upstream, revision = split(version)
    return (int(epoch), _parts(upstream), _parts("0" if revision is None else revision))


def is_version(text: str) -> bool:
    """Tell whether a text is a version; that is known sooner than how it sorts."""
    return len(text) <= MAX_LENGTH and VERSION.fullmatch(text) is not None


compare = comparing(key)


def _parts(text: str) -> tuple[Part, ...]:
    """Return alternating non-digit and digit pieces; pieces of one kind compare as dpkg does.

    The text of a piece becomes characters whose natural order is dpkg's; each ends with the mark
    of its end, so that `~` before it sorts lower and anything else higher. A missing number is 0.
    """
    pieces = DIGITS.split(text)
    parts: list[Part] = list(pieces)
    parts[::2] = map(_ranked, pieces[::2])
    parts[1::2] = map(int, pieces[1::2])
    if pieces[-1]:
        parts += (0, _ranked(""))
    return tuple(parts)


@lru_cache(maxsize=1 << 12)  # a few are in nearly every version: `.`, `-`, `+deb`, `u`
def _ranked(letters: str) -> str:
    return "".join(map(_rank, letters)) + chr(END)


def _rank(character: str) -> str:
    if character == "~":
        return chr(TILDE)
    return chr(LETTER) + character if character.isalpha() else chr(OTHER) + character
