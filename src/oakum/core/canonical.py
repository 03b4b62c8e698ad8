"""Canonical JSON (RFC 8785 for the values that Oakum uses) and the digests made of it.

Floats are refused: their shortest form differs between languages, and nothing that is
signed or chained needs one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from oakum.core.errors import UnsafeTextError
from oakum.core.ids import Digest

NOT_CANONICAL = "canonical JSON holds strings, whole numbers, booleans, null, lists and objects"

Json = str | int | bool | None | Sequence["Json"] | Mapping[str, "Json"]


def canonical_json(value: Json) -> bytes:
    """Return the one byte string that stands for this value.

    Raises UnsafeTextError for text that no UTF-8 stands for: a command line may hold such bytes.
    """
    _refuse_floats(value)
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        bad = ascii(text[error.start : error.end])
        raise UnsafeTextError(f"{bad} is no text: write it as UTF-8") from error


def digest_of(value: Json) -> Digest:
    """Return the SHA-256 of the canonical form."""
    return Digest(hashlib.sha256(canonical_json(value)).hexdigest())


def digest_of_bytes(content: bytes) -> Digest:
    """Return the SHA-256 of some bytes."""
    return Digest(hashlib.sha256(content).hexdigest())


def _refuse_floats(value: object) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(NOT_CANONICAL)
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
    elif not (value is None or isinstance(value, str | int)):
        raise TypeError(NOT_CANONICAL)
