"""Values as JSON documents, and back."""

from typing import TypeVar

import msgspec

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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StorageError(
            f"{what} in the database is damaged: {error}",
            hint="restore the database from a backup; `oakum audit verify` shows what is intact",
        ) from error
