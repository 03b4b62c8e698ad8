"""Unpacking what was fetched, with a limit on how large it may become."""

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, cast

from oakum.core.errors import InputError
from oakum.core.text import one_line

MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
MAX_MEMBER_BYTES = 64 * 1024 * 1024
"""The largest advisories have some 10 MiB."""
GZIP, XZ, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
BROKEN = (
    OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, tarfile.TarError,
    zipfile.BadZipFile, NotImplementedError, RuntimeError,
)  # fmt: skip
"""ValueError: tarfile lets it out where a damaged header holds no number; zipfile has
NotImplementedError for what it cannot unpack, and RuntimeError for what is encrypted."""


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


def members(content: bytes, place: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Give the files of a zip or tar that end so, one at a time; of another file, itself.

    Also the files of a tar may be packed, and a tar may be.
    """
    try:
        if content.startswith(ZIP):
            found = _zipped(content)
        elif _is_tar(content):
            found = _tarred(content, place)
        else:
            yield place, unpacked(content, place)
            return
        for name, size, read in found:
            if not name.removesuffix(".xz").removesuffix(".gz").endswith(suffixes):
                continue
            if size > MAX_MEMBER_BYTES:
                raise InputError(f"{place}: {one_line(name, 80)} holds {size} bytes")
            yield name, unpacked(read(), f"{place}: {one_line(name, 80)}")
    except BROKEN as error:
        raise _damaged(place, error) from error


Member = tuple[str, int, Callable[[], bytes]]
"""(name, size in bytes, what reads it)."""


def _zipped(content: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield member.filename, member.file_size, partial(archive.read, member)


def _tarred(content: bytes, place: str) -> Iterator[Member]:
    read = 0
    with (
        _opened(content) as stream,
        tarfile.open(fileobj=stream, mode="r|", errorlevel=1) as tar,
    ):
        for member in tar:
            read += member.size  # also of what is passed over: it has to be unpacked
            if read > MAX_UNPACKED_BYTES:
                raise InputError(f"{place} unpacks to more than 1 GiB")
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, member.size, file.read


def _is_tar(content: bytes) -> bool:
    with _opened(content) as stream:
        head = stream.read(TAR_MAGIC_AT + len(TAR_MAGIC))
    return head[TAR_MAGIC_AT:] == TAR_MAGIC


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
