"""Sets of packages as bytes: bitmaps of the ids of package versions, and the few odd ones in full.

Nearly every package of a host is installed in the plain way (`ii`), by hand or automatically; a
bitmap holds hundreds of such ids in a few bytes each.
"""

from collections.abc import Iterator, Sequence

import msgspec
from pyroaring import BitMap

from oakum.adapters.persistence.documents import from_bitmap
from oakum.core.errors import StorageError

Member = tuple[int, str, bool]
"""(id of the package version, dpkg's status, was it installed automatically)."""
PLAIN = "ii"
SET = "a set of packages"


class _Members(msgspec.Struct, array_like=True):
    manual: bytes
    automatic: bytes
    odd: list[Member]


def pack(members: Sequence[Member]) -> bytes:
    """Return the bytes of a set; the same set gives the same bytes."""
    manual = BitMap(number for number, status, auto in members if status == PLAIN and not auto)
    automatic = BitMap(number for number, status, auto in members if status == PLAIN and auto)
    odd = sorted(member for member in members if member[1] != PLAIN)
    document = _Members(manual.serialize(), automatic.serialize(), odd)
    return msgspec.msgpack.encode(document)


def unpack(content: bytes) -> list[Member]:
    """Return the set, by id. Raises StorageError when the bytes are damaged."""
    try:
        document = msgspec.msgpack.decode(content, type=_Members)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StorageError(
            f"{SET} in the database is damaged: {error}",
            hint="restore the database from a backup; `oakum audit verify` shows what is intact",
        ) from error
    return sorted([*_plain(document), *document.odd])


def _plain(document: _Members) -> Iterator[Member]:
    for number in from_bitmap(document.manual, SET):
        yield number, PLAIN, False
    for number in from_bitmap(document.automatic, SET):
        yield number, PLAIN, True
