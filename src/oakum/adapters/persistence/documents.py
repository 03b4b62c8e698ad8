"""Values as JSON documents, and back."""

from typing import TypeVar

import msgspec
from pyroaring import BitMap

from oakum.core.errors import StorageError

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


def to_document(value: object) -> bytes:
    """Return the JSON of a frozen value."""
    return _encode(value)


def from_document(content: bytes, kind: type[T], what: str) -> T:
    """Return the value. Raises StorageError when the stored document is damaged."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StorageError(
            f"{what} in the database is damaged: {error}",
            hint="restore the database from a backup; `oakum audit verify` shows what is intact",
        ) from error


def from_bitmap(content: bytes, what: str) -> BitMap:
    """Return a stored set of numbers. Raises StorageError when it is damaged."""
    try:
        return BitMap.deserialize(content)
    except (ValueError, IndexError) as error:
        raise StorageError(
            f"{what} in the database is damaged: {error}",
            hint="restore the database from a backup; `oakum audit verify` shows what is intact",
        ) from error


def require_same(content_id: str, stored_id: str) -> None:
    """Raise StorageError unless a document is what it was stored as: its id is of its content."""
    if content_id != stored_id:
        raise StorageError(
            f"{stored_id} in the database was changed after it was made: its content is that of "
            f"{content_id}",
            hint="what was approved is what runs, so nothing is done with it; "
            "restore the database from a backup, or make it anew",
        )
