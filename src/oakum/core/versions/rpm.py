"""Versions of rpm packages: `[epoch:]version[-release]`, in rpm's order (rpm-version(7)).

A part is read as a row of tokens. At each place `~` sorts before the end of the part, the end
before `^`, `^` before letters, and letters before digits; what stands between tokens only divides.
"""

import re
from functools import lru_cache

from oakum.core.versions.order import EPOCH, MAX_LENGTH, comparing, invalid, split, telling

Token = tuple[int, int | str]
Key = tuple[int, tuple[Token, ...], tuple[Token, ...]]

PART = re.compile(r"[!-,.-9;-~]+")
"""Printable ASCII without `-`, which divides version and release, and `:`, which ends the epoch."""
TOKENS = re.compile(r"[0-9]+|[A-Za-z]+|[~^]")
TILDE, END, CARET, LETTERS, DIGITS = range(5)
LAST: Token = (END, 0)


@lru_cache(maxsize=1 << 17)
def key(version: str) -> Key:
    """Return a value that sorts as rpm sorts the version. Raises InvalidVersionError.

    A missing epoch is 0; a missing release sorts before every other.
    """
    epoch, upstream, release = split(version)
    is_valid = (
        len(version) <= MAX_LENGTH
        and EPOCH.fullmatch(epoch)
        and PART.fullmatch(upstream)
        and (release is None or PART.fullmatch(release))
    )
    if not is_valid:
        raise invalid(version, "rpm")
    return (int(epoch), _tokens(upstream), _tokens(release or ""))


is_version = telling(key)
compare = comparing(key)


def _tokens(part: str) -> tuple[Token, ...]:
    return (*(_token(text) for text in TOKENS.findall(part)), LAST)


def _token(text: str) -> Token:
    match text[0]:
        case "~":
            return (TILDE, 0)
        case "^":
            return (CARET, 0)
        case first if first.isdigit():
            return (DIGITS, int(text))
        case _:
            return (LETTERS, text)
