"""A .deb file: its control fields, for packages that come from a host and not from an archive.

The format is deb(5): an ar archive of `debian-binary`, `control.tar.*` and `data.tar.*`.
"""

import io
import tarfile
from collections.abc import Iterator

from oakum.core import tar
from oakum.core.errors import InputError
from oakum.core.ids import Digest
from oakum.core.repositories.stanzas import parse_stanza, split_stanzas
from oakum.core.text import one_line

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60
MAX_CONTROL_BYTES = 16 * 1024 * 1024
OURS = {"filename", "size", "sha256", "sha1", "md5sum"}
"""What an index says of a file; a control file that says it itself would have two answers."""


def stanza_of(content: bytes, digest: Digest) -> str:
    """Return the paragraph that an index would have for a .deb. Raises InputError."""
    try:
        control = _control(content)
    except tar.BROKEN as error:
        raise InputError(f"this is no .deb file: {error}") from error
    try:
        fields = parse_stanza(control, "its control file")
    except InputError as error:
        raise InputError(f"this is no .deb file: {error.message}") from error
    return "\n".join(
        [
            *(f"{name}: {value}" for name, value in fields.items() if name.lower() not in OURS),
            f"Filename: pool/{digest[:2]}/{digest}.deb",
            f"Size: {len(content)}",
            f"SHA256: {digest}",
        ]
    )


def _control(content: bytes) -> str:
    packed = _member(content)
    with tarfile.open(fileobj=io.BytesIO(packed), tarinfo=tar.Heading) as archive:
        member = _named_control(archive)
        file = archive.extractfile(member)
        if file is None:
            message = "its control file cannot be read"
            raise ValueError(message)
        (paragraph,) = split_stanzas(file.read().decode())
        return paragraph


def _member(content: bytes) -> bytes:
    """Return the control archive, after the ar file was walked to its end: a cut one is refused."""
    members = dict(_members(content))
    if not any(name.startswith("data.tar") for name in members):
        message = "it has no data archive"
        raise ValueError(message)
    name = next((name for name in members if name.startswith("control.tar")), None)
    if name is None:
        message = "it has no control archive"
        raise ValueError(message)
    if name.endswith(".zst"):
        message = "its control archive is packed with zstd"
        raise ValueError(message)
    return bytes(members[name])


def _members(content: bytes) -> Iterator[tuple[str, memoryview]]:
    if not content.startswith(AR_MAGIC):
        message = "it does not begin as an ar archive"
        raise ValueError(message)
    view, place = memoryview(content), len(AR_MAGIC)
    while place < len(content):
        header = content[place : place + AR_HEADER]
        name, size = header[:16].decode().strip(" /"), _size(header[48:58])
        start = place + AR_HEADER
        if start + size > len(content):
            message = f"it ends in the middle of {one_line(name, 40)!r}"
            raise ValueError(message)
        yield name, view[start : start + size]
        place = start + size + size % 2


def _size(field: bytes) -> int:
    text = field.decode().strip()
    if not text.isdecimal():  # a negative one would lead round in a circle
        message = f"{text!r} is no size of an ar member"
        raise ValueError(message)
    return int(text)


def _named_control(archive: tarfile.TarFile) -> tarfile.TarInfo:
    passed = 0
    for member in tar.members(archive):
        passed += tarfile.BLOCKSIZE + member.size
        if passed > MAX_CONTROL_BYTES:
            message = f"{one_line(member.name, 80)!r} of its control archive is too large"
            raise ValueError(message)
        # A link could point at nothing, or at another member than dpkg would take.
        if member.isreg() and member.name.removeprefix("./") == "control":
            return member
    message = "its control archive holds no control file"
    raise ValueError(message)
