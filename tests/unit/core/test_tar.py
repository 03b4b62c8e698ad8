"""A tar is read to its end, or an error says why not."""

import io
import tarfile
from collections.abc import Callable

import pytest

from oakum.core import tar

BLOCK = tarfile.BLOCKSIZE
THREE = {"a": b"1", "b": b"2" * 600, "c": b"3"}
EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def packed(files: dict[str, bytes] = THREE) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def heading(kind: bytes, size: int) -> bytes:
    """Return a heading as somebody hostile writes it: a size below nothing is in base 256."""
    field = (256**12 + size).to_bytes(12, "big") if size < 0 else f"{size:011o}\0".encode()
    made = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
    made[124:136], made[156:157] = field, kind
    made[148:156] = b" " * 8
    made[148:156] = f"{sum(made):06o}\0 ".encode()
    return bytes(made)


def names(content: bytes, mode: str) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content), mode=mode, tarinfo=tar.Heading) as archive:  # type: ignore[call-overload]
        return [member.name for member in tar.members(archive)]


@pytest.fixture(params=["r:", "r|"])
def read(request: pytest.FixtureRequest) -> Callable[[bytes], list[str]]:
    return lambda content: names(content, request.param)


Read = Callable[[bytes], list[str]]


def test_every_member_is_given(read: Read) -> None:
    """In their order, and with the zeros that any tar is filled up with."""
    assert read(packed()) == ["a", "b", "c"]
    assert read(packed() + bytes(20 * BLOCK)) == ["a", "b", "c"]


@pytest.mark.parametrize("at", [BLOCK * 2, BLOCK * 2 + 130, BLOCK * 5])
def test_a_damaged_heading_is_not_the_end(read: Read, at: int) -> None:
    """Python's own reader gives what stands before it, and says nothing of the rest."""
    content = bytearray(packed())
    content[at] ^= 1
    assert bytes(content) != packed()
    with pytest.raises(tarfile.ReadError, match="damaged or cut off"):
        read(bytes(content))


def test_a_tar_that_was_cut_between_two_members_is_cut(read: Read) -> None:
    """Its end has a mark of its own."""
    with pytest.raises(tarfile.ReadError, match="damaged or cut off"):
        read(packed()[: BLOCK * 2])


@pytest.mark.parametrize("kind", EXTENDED)
def test_an_extended_heading_is_no_place_to_hide_a_bomb(read: Read, kind: bytes) -> None:
    """It is read whole into memory before anybody can ask how large it is."""
    for size in (tar.MAX_HEADING_BYTES + 1, 2**33 - 1, -BLOCK):
        with pytest.raises(tarfile.ReadError, match="a heading of"):
            read(heading(kind, size) + packed())


def test_headings_upon_headings_end_in_an_error(read: Read) -> None:
    """Each is read inside the one before it."""
    with pytest.raises(tar.BROKEN):
        read(heading(tarfile.GNUTYPE_LONGNAME, 0) * 2000 + packed())


def test_a_size_below_nothing_leads_nowhere(read: Read) -> None:
    """Such a member would be followed by itself, for ever."""
    with pytest.raises(tar.BROKEN):
        read(packed({"a": b"1"})[: BLOCK * 2] + heading(tarfile.REGTYPE, -BLOCK * 2) + packed())


def test_members_are_not_remembered() -> None:
    """Two million empty ones are a megabyte when they are packed."""
    content = packed({f"{number}": b"" for number in range(50)})
    with tarfile.open(fileobj=io.BytesIO(content), tarinfo=tar.Heading) as archive:
        for _ in tar.members(archive):
            assert len(archive.getmembers() if archive._loaded else archive.members) <= 1  # type: ignore[attr-defined]
