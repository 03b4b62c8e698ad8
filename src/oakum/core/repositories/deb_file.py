"""A .deb file: its control fields, for packages that come from a host and not from an archive.

The format is deb(5): an ar archive of `debian-binary`, `control.tar.*` and `data.tar.*`.
"""

import io
import lzma
import tarfile
import zlib

from oakum.core.errors import InputError
from oakum.core.ids import Digest

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60
MAX_CONTROL_BYTES = 16 * 1024 * 1024


def stanza_of(content: bytes, digest: Digest) -> str:
    """Return the paragraph that an index would have for a .deb. Raises InputError."""
    try:
        control = _control(content)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError) as error:
        raise InputError(f"this is no .deb file: {error}") from error
    lines = [line for line in control.splitlines() if line.strip()]
    return "\n".join(
        [
            *lines,
            f"Filename: pool/{digest[:2]}/{digest}.deb",
            f"Size: {len(content)}",
            f"SHA256: {digest}",
        ]
    )


def _control(content: bytes) -> str:
    packed = _member(content)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        member = _named_control(tar)
        file = tar.extractfile(member)
        if file is None or member.size > MAX_CONTROL_BYTES:
            message = "its control file cannot be read"
            raise ValueError(message)
        return file.read().decode()


def _member(content: bytes) -> bytes:
    """Return the control archive out of the ar file."""
    if not content.startswith(AR_MAGIC):
        message = "it does not begin as an ar archive"
        raise ValueError(message)
    place = len(AR_MAGIC)
    while place + AR_HEADER <= len(content):
        header = content[place : place + AR_HEADER]
        name, size = header[:16].decode().strip(" /"), int(header[48:58])
        start = place + AR_HEADER
        if name.startswith("control.tar"):
            if name.endswith(".zst"):
                message = "its control archive is packed with zstd"
                raise ValueError(message)
            return content[start : start + size]
        place = start + size + size % 2
    message = "it has no control archive"
    raise ValueError(message)


def _named_control(tar: tarfile.TarFile) -> tarfile.TarInfo:
    for member in tar:
        if member.name.removeprefix("./") == "control":
            return member
    message = "its control archive holds no control file"
    raise ValueError(message)
