"""Unpacking what was fetched, with a limit on how large it may become."""

import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, cast

import zstandard

from oakum.core import tar
from oakum.core.errors import InputError
from oakum.core.text import one_line

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
SMALL_BYTES, MAX_RATIO = 64 * 1024 * 1024, 200
"""What is larger, and so many times its packed size, is no feed. Of real ones, a tar of Red Hat's
OSV records packs best: to a 57th."""
MAX_FILES_BYTES = 16 * 1024 * 1024 * 1024
"""All files of a zip or tar together; one of them at a time is in memory."""
MAX_WINDOW_BYTES = 128 * 1024 * 1024
"""What `zstd -19 --long=27` needs."""
REST = 1024 * 1024
FED = 2 * 1024
"""So much packed content is unpacked at once: it may become a thousand times as much."""
MAX_MEMBER_BYTES = 64 * 1024 * 1024
"""The largest advisories have some 10 MiB."""
GZIP, XZ, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"
ZSTD = b"\x28\xb5\x2f\xfd"
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
BROKEN = (
    *tar.BROKEN, zipfile.BadZipFile, NotImplementedError, RuntimeError, zstandard.ZstdError,
)  # fmt: skip
"""zipfile has NotImplementedError for what it cannot unpack, and RuntimeError for what is
encrypted."""


def unpacked(content: bytes, place: str, limit: int = MAX_UNPACKED_BYTES) -> bytes:
    """Return gzip, xz or zstd content unpacked, and other content as it is.

    Raises InputError when it is damaged, or becomes larger than so many bytes.
    """
    limit = _room(content, limit)
    try:
        with _opened(content) as stream:
            whole = stream.read(limit + 1)
    except BROKEN as error:
        raise _damaged(place, error) from error
    if len(whole) > limit:
        raise _too_large(place, limit)
    return whole


def _room(content: bytes, limit: int) -> int:
    """Return how large content may become: a bomb is small, and no feed packs as well."""
    return min(limit, SMALL_BYTES + MAX_RATIO * len(content))


def _too_large(place: str, limit: int) -> InputError:
    return InputError(
        f"{place} unpacks to more than {limit >> 20} MiB",
        hint="no feed is as large: the file is not what it seems to be",
    )


def members(content: bytes, place: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Give the files of a zip or tar that end so, one at a time; of another file, itself.

    Also the files of a tar may be packed, and a tar may be.
    """
    try:
        if content.startswith(ZIP):
            found = _zipped(content, place)
        elif _is_tar(content):
            found = _tarred(content, place)
        else:
            yield place, unpacked(content, place)
            return
        for name, size, read in found:
            if (
                not name.removesuffix(".xz")
                .removesuffix(".gz")
                .removesuffix(".zst")
                .endswith(suffixes)
            ):
                continue
            if size > MAX_MEMBER_BYTES:
                raise InputError(f"{place}: {one_line(name, 80)} holds {size} bytes")
            where = f"{place}: {one_line(name, 80)}"
            yield name, unpacked(read(), where, MAX_MEMBER_BYTES)
    except BROKEN as error:
        raise _damaged(place, error) from error


Member = tuple[str, int, Callable[[], bytes]]
"""(name, size in bytes, what reads it)."""


def _zipped(content: bytes, place: str) -> Iterator[Member]:
    read, limit = 0, _room(content, MAX_FILES_BYTES)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            read += member.file_size  # many entries may be one and the same bytes
            if read > limit:
                raise _too_large(place, limit)
            if not member.is_dir():
                yield member.filename, member.file_size, partial(archive.read, member)


def _tarred(content: bytes, place: str) -> Iterator[Member]:
    read, limit = 0, _room(content, MAX_FILES_BYTES)
    with (
        _opened(content) as stream,
        tarfile.open(fileobj=stream, mode="r|", errorlevel=1, tarinfo=tar.Heading) as archive,
    ):
        for member in tar.members(archive):
            # Also of what is passed over: it has to be unpacked.
            read += tarfile.BLOCKSIZE + member.size
            if read > limit:
                raise _too_large(place, limit)
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, member.size, file.read
        while rest := stream.read(REST):  # the sum of what was packed stands at its very end
            read += len(rest)
            if read > limit:
                raise _too_large(place, limit)


def _is_tar(content: bytes) -> bool:
    with _opened(content) as stream:
        head = stream.read(TAR_MAGIC_AT + len(TAR_MAGIC))
    return head[TAR_MAGIC_AT:] == TAR_MAGIC


def _opened(content: bytes) -> IO[bytes]:
    if content.startswith(GZIP):
        return cast("IO[bytes]", gzip.open(io.BytesIO(content)))
    if content.startswith(XZ):
        return lzma.open(io.BytesIO(content))
    if content.startswith(ZSTD):
        return cast("IO[bytes]", io.BufferedReader(_Zstd(content)))
    return io.BytesIO(content)


class _Zstd(io.RawIOBase):
    """Zstandard, frame after frame; what is cut off is an error, which the library's is not."""

    def __init__(self, content: bytes) -> None:
        self._rest = memoryview(content)
        self._frame = _new_frame()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        while not self._ready and (self._rest or self._frame.unused_data):
            self._unpack()
        if not self._ready and not self._frame.eof:
            raise EOFError("the last frame is cut off")
        room = memoryview(buffer)
        part, self._ready = self._ready[: len(room)], self._ready[len(room) :]
        room[: len(part)] = part
        return len(part)

    def _unpack(self) -> None:
        left = self._frame.unused_data
        if self._frame.eof:
            self._frame = _new_frame()
        part, self._rest = self._rest[:FED], self._rest[FED:]
        self._ready = self._frame.decompress(left + part)


def _new_frame() -> "zstandard.ZstdDecompressionObj":
    return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj()


def _damaged(place: str, error: BaseException) -> InputError:
    return InputError(
        f"{place} cannot be unpacked: {str(error) or type(error).__name__}",
        hint="it may be cut off; fetch it again",
    )
