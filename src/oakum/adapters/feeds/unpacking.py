"""Unpacking what was fetched, with a limit on how large it may become."""

import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

from oakum.adapters.feeds.cve_records import MAX_RECORD_BYTES
from oakum.core.errors import InputError
from oakum.core.text import one_line

MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
GZIP, XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
BROKEN = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, tarfile.TarError)
"""ValueError: tarfile lets it out where a damaged header holds no number."""


def unpacked(content: bytes, place: str) -> bytes:
    """Return gzip or xz content unpacked, and other content as it is."""
    try:
        with _opened(content) as stream:
            whole = stream.read(MAX_UNPACKED_BYTES + 1)
    except BROKEN as error:
        raise _damaged(place, error) from error
    if len(whole) > MAX_UNPACKED_BYTES:
        raise InputError(f"{place} unpacks to more than {MAX_UNPACKED_BYTES // 1024**3} GiB")
    return whole


def json_members(content: bytes, place: str) -> Iterator[tuple[str, bytes]]:
    """Give the JSON files of a tar, which may be packed, one at a time."""
    read = 0
    try:
        with (
            _opened(content) as stream,
            tarfile.open(fileobj=stream, mode="r|", errorlevel=1) as tar,
        ):
            for member in tar:
                read += member.size  # also of what is passed over: it has to be unpacked
                if read > MAX_UNPACKED_BYTES:
                    raise InputError(f"{place} unpacks to more than 1 GiB")
                if not member.isfile() or not member.name.endswith(".json"):
                    continue
                if member.size > MAX_RECORD_BYTES:
                    name = one_line(member.name, 80)
                    raise InputError(f"{place}: {name} holds {member.size} bytes")
                file = tar.extractfile(member)
                yield member.name, file.read() if file else b""
    except BROKEN as error:
        raise _damaged(place, error) from error


def _opened(content: bytes) -> IO[bytes]:
    if content.startswith(GZIP):
        return cast("IO[bytes]", gzip.open(io.BytesIO(content)))
    if content.startswith(XZ):
        return lzma.open(io.BytesIO(content))
    return io.BytesIO(content)


def _damaged(place: str, error: BaseException) -> InputError:
    return InputError(
        f"{place} cannot be unpacked: {str(error) or type(error).__name__}",
        hint="it may be cut off; fetch it again",
    )
