"""Versions of Alpine packages, in the order of apk-tools 3 (apk-package(5)).

`number{.number}…{letter}{_suffix{number}}…{~commit}{-r{number}}`. Where one version ends and the
other goes on, the longer one is the newer, unless it goes on with a suffix of a pre-release.
"""

import re
from functools import lru_cache
from itertools import chain

from oakum.core.versions.order import MAX_LENGTH, comparing, invalid, telling

Value = int | str | tuple[int, int | str]
Token = tuple[int, Value]
Key = tuple[Token, ...]

BEFORE = ("alpha", "beta", "pre", "rc")
AFTER = ("cvs", "svn", "git", "hg", "p")
SUFFIX = re.compile(rf"_(?P<name>{'|'.join((*BEFORE, *AFTER))})(?P<number>[0-9]*)")
VERSION = re.compile(
    r"(?P<numbers>[0-9]+(?:\.[0-9]+)*)(?P<letter>[a-z]?)"
    rf"(?P<suffixes>(?:{SUFFIX.pattern.replace('?P<name>', '?:').replace('?P<number>', '?:')})*)"
    r"(?:~(?P<commit>[0-9a-f]+))?(?:-r(?P<revision>[0-9]+))?"
)
PRE_RELEASE, END, REVISION, COMMIT, SUFFIX_NUMBER, POST_RELEASE, LETTER, NUMBER = range(8)
"""How apk ranks what may stand at one place; the end comes second."""


@lru_cache(maxsize=1 << 17)
def key(version: str) -> Key:
    """Return a value that sorts as apk sorts the version. Raises InvalidVersionError."""
    match = VERSION.fullmatch(version) if len(version) <= MAX_LENGTH else None
    if match is None:
        raise invalid(version, "Alpine")
    first, *others = match["numbers"].split(".")
    tokens = [(NUMBER, (1, int(first))), *((NUMBER, _fraction(number)) for number in others)]
    tail: list[Token] = [(LETTER, match["letter"])] if match["letter"] else []
    tail += chain.from_iterable(_suffix(*found.groups()) for found in _suffixes(match))
    if match["commit"]:
        tail.append((COMMIT, match["commit"]))
    if match["revision"]:
        tail.append((REVISION, int(match["revision"])))
    return (*tokens, *tail, (END, 0))


is_version = telling(key)
compare = comparing(key)


def _fraction(digits: str) -> Value:
    """Return a number after the first: one that begins with 0 is compared as text (Gentoo's rule).

    Text that begins with 0 sorts before any number that does not.
    """
    return (0, digits) if digits.startswith("0") else (1, int(digits))


def _suffixes(match: re.Match[str]) -> list[re.Match[str]]:
    return list(SUFFIX.finditer(match["suffixes"]))


def _suffix(name: str, number: str) -> list[Token]:
    kind = (
        (PRE_RELEASE, BEFORE.index(name)) if name in BEFORE else (POST_RELEASE, AFTER.index(name))
    )
    return [kind, (SUFFIX_NUMBER, int(number))] if number else [kind]
