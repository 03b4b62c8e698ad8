"""What is no version at all."""

from oakum.core.errors import InputError
from oakum.core.text import one_line

MAX_LENGTH = 1000
"""No archive has longer versions, and reading a number of very many digits takes very long."""


class InvalidVersionError(InputError):
    """The text is no version of a package of this kind."""


def invalid(version: str, kind: str) -> InvalidVersionError:
    """Return the error that shows the text, cut and harmless."""
    return InvalidVersionError(f"{one_line(version, 60)!r} is no {kind} version")
