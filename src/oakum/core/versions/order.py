"""What every order of versions has beside its key: what is no version, and how two compare."""

import re
from collections.abc import Callable
from typing import Any

from oakum.core.errors import InputError
from oakum.core.text import one_line

EPOCH = re.compile(r"[0-9]{1,9}")
MAX_LENGTH = 1000
"""No archive has longer versions, and reading a number of very many digits takes very long."""
Key = Callable[[str], Any]
"""Returns a value that sorts as the version does. Raises InvalidVersionError."""


class InvalidVersionError(InputError):
    """The text is no version of a package of this kind."""


def split(version: str) -> tuple[str, str, str | None]:
    """Return epoch, upstream version and revision of `[epoch:]upstream[-revision]`.

    A missing epoch is `0`; a missing revision is None, and means another thing to dpkg and to rpm.
    """
    before, colon, after = version.partition(":")
    epoch, rest = (before, after) if colon else ("0", version)
    before, hyphen, after = rest.rpartition("-")
    return (epoch, before, after) if hyphen else (epoch, rest, None)


def invalid(version: str, kind: str) -> InvalidVersionError:
    """Return the error that shows the text, cut and harmless."""
    return InvalidVersionError(f"{one_line(version, 60)!r} is no {kind} version")


def comparing(key: Key) -> Callable[[str, str], int]:
    """Return a function that gives -1, 0 or 1: the first sorts before, with or after the second.

    It raises InvalidVersionError for either.
    """

    def compare(first: str, second: str) -> int:
        a, b = key(first), key(second)
        return int(a > b) - int(a < b)

    return compare


def telling(key: Key) -> Callable[[str], bool]:
    """Return a function that tells whether a text is a version, for who counts what is none."""

    def is_version(text: str) -> bool:
        try:
            key(text)
        except InvalidVersionError:
            return False
        return True

    return is_version
