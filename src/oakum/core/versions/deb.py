"""Versions of Debian packages, in dpkg's order (deb-version(7), Debian policy 5.6.12)."""

import re
from functools import lru_cache

from oakum.core.versions.order import EPOCH, MAX_LENGTH, comparing, invalid, split, telling

Part = int | str
Key = tuple[int, tuple[Part, ...], tuple[Part, ...]]

UPSTREAM = re.compile(r"[A-Za-z0-9.+:~-]+")
REVISION = re.compile(r"[A-Za-z0-9.+~]+")
PIECES = re.compile(r"([^0-9]*)([0-9]*)")
TILDE, END, LETTER, OTHER = 0, 1, 2, 3
"""How dpkg ranks the characters of a part that holds no digits: `~` sorts before its very end."""


@lru_cache(maxsize=1 << 17)
def key(version: str) -> Key:
    """Return a value that sorts as dpkg sorts the version. Raises InvalidVersionError."""
    epoch, upstream, given = split(version)
    revision = "0" if given is None else given
    is_valid = (
        len(version) <= MAX_LENGTH
        and EPOCH.fullmatch(epoch)
        and UPSTREAM.fullmatch(upstream)
        and REVISION.fullmatch(revision)
    )
    if not is_valid:
        raise invalid(version, "Debian")
    return (int(epoch), _parts(upstream), _parts(revision))


is_version = telling(key)
compare = comparing(key)


def _parts(text: str) -> tuple[Part, ...]:
    """Return alternating non-digit and digit pieces; pieces of one kind compare as dpkg does.

    The text of a piece becomes characters whose natural order is dpkg's; each ends with the mark
    of its end, so that `~` before it sorts lower and anything else higher. A missing number is 0.
    """
    parts = list[Part]()
    for letters, digits in PIECES.findall(text):
        if letters or digits:
            parts.extend((_ranked(letters), int(digits or 0)))
    return (*parts, _ranked(""))


@lru_cache(maxsize=1 << 12)  # a few are in nearly every version: `.`, `-`, `+deb`, `u`
def _ranked(letters: str) -> str:
    return "".join(map(_rank, letters)) + chr(END)


def _rank(character: str) -> str:
    if character == "~":
        return chr(TILDE)
    return chr(LETTER) + character if character.isalpha() else chr(OTHER) + character
