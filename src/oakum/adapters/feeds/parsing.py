"""What all parsers of feeds share."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.errors import InputError
from oakum.core.inventory.support import ReleaseSupport
from oakum.core.text import one_line

T = TypeVar("T")


@dataclass
class Parsed:
    """What a parser found, before it is known where the bytes came from."""

    data_as_of: datetime | None = None
    """None where the format does not tell; then the source's own date has to do."""
    statements: list[VendorStatement] = field(default_factory=list)
    signals: list[CveSignals] = field(default_factory=list)
    support: list[ReleaseSupport] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def decode(content: bytes, kind: type[T], place: str) -> T:
    """Return a JSON document of a known shape. Raises InputError with the place."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{place} is not what it should be: {one_line(str(error))}",
            hint="it may be cut off or of another version; the last good copy stays in use",
        ) from error


def aware(moment: datetime, place: str) -> datetime:
    """Return the moment in UTC, which also a moment without a zone is taken to be in."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise InputError(f"{place}: {moment} is outside of any calendar") from error


def each(
    files: Iterable[tuple[str, bytes]], understand: Callable[[bytes], T], parsed: Parsed
) -> Iterator[tuple[str, T]]:
    """Give each file that can be understood, with its name cut for messages; count the others."""
    for name, content in files:
        place = one_line(name, 80)
        try:
            yield place, understand(content)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
            parsed.unreadable.append(f"{place}: {one_line(str(error))}")


def newest(known: datetime | None, moment: datetime, place: str) -> datetime:
    """Return the later of two moments; the second is one that a document gives."""
    given = aware(moment, place)
    return given if known is None else max(known, given)
