"""Long lists in parts: a database takes so many parameters at once, and memory so many rows."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
NAMED = 500
"""How many values one query names."""
WRITTEN = 5000
"""How many rows one statement writes."""


def in_parts(items: Iterable[T], size: int = NAMED) -> Iterator[list[T]]:
    """Give the items in their order, so many at a time."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
