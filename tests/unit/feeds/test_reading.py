import copy
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.feeds import unpacking
from oakum.adapters.feeds.cisa.kev import parse_kev
from oakum.adapters.feeds.debian.tracker import parse_tracker
from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.adapters.feeds.unpacking import MAX_MEMBER_BYTES, members, unpacked
from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
TRACKER = (GOLDEN / "debian-tracker.json").read_bytes()
KEV = (GOLDEN / "kev.json").read_bytes()
EPSS = (GOLDEN / "epss.csv").read_bytes()
RECORDS = [(path.name, path.read_bytes()) for path in sorted((GOLDEN / "cve-records").iterdir())]
BOOKWORM = frozenset({"bookworm"})
NOW = datetime(2026, 11, 25, tzinfo=UTC)
HERE = Provenance("here", NOW, NOW)
PARSERS = {
    FeedName.DEBIAN_TRACKER: TRACKER,
    FeedName.KEV: KEV,
    FeedName.EPSS: EPSS,
}


@pytest.mark.parametrize("parse", [lambda c: parse_tracker(c, BOOKWORM), parse_kev])
@pytest.mark.parametrize("content", [b"", b"[]", b"<html>", b"null", b"\xff\xfe", b"[" * 100_000,
                                     b'{"a":' * 100_000])  # fmt: skip
def test_what_is_no_such_document_is_refused(parse: object, content: bytes) -> None:
    """A login page, half a file or a nest without end is an error with words."""
    with pytest.raises(InputError, match="not what it should be"):
        parse(content)  # type: ignore[operator]  # one of two parsers


@given(st.sampled_from(sorted(PARSERS, key=lambda f: f.value)), st.data())
def test_a_cut_or_changed_feed_is_read_or_refused(feed: FeedName, data: st.DataObject) -> None:
    """Whatever happens to some bytes, nothing but InputError is raised."""
    content = bytearray(PARSERS[feed])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    end = data.draw(st.sampled_from([len(content), place]))
    with suppress(InputError):
        read_feed(feed, bytes(content[:end]), HERE)


@pytest.mark.parametrize("content", [b'{"openssl": {}}', b"{}"])
def test_a_tracker_without_a_statement_is_refused(content: bytes) -> None:
    """Stored, it would make every host look safe with data of today."""
    with pytest.raises(InputError, match="no record"):
        read_feed(FeedName.DEBIAN_TRACKER, content, HERE)


def test_packed_feeds_are_unpacked() -> None:
    """Gzip, xz and zstd are told by their first bytes; what is cut off is refused."""
    for packed in (gzip.compress(KEV), lzma.compress(KEV), zstandard.compress(KEV), KEV):
        assert unpacked(packed, "x") == KEV
    two_frames = zstandard.compress(KEV) + zstandard.compress(b"more")
    assert unpacked(two_frames, "x") == KEV + b"more"
    for packed in (gzip.compress(KEV)[:-9], lzma.compress(KEV)[:-9], two_frames[:-3]):
        with pytest.raises(InputError, match="cannot be unpacked"):
            unpacked(packed, "x")


JSON = (".json",)
MIB = 1024**2


def tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_records_of_a_tar_are_read_one_by_one() -> None:
    """Other files are passed over; a record of many megabytes is refused, its name harmless."""
    content = gzip.compress(tar(**{"a/CVE-2026-0001.json": b"{}", "README": b"x"}))
    assert list(members(content, "x", JSON)) == [("a/CVE-2026-0001.json", b"{}")]
    big = tar(**{"\x1b[31m.json": b" " * (MAX_MEMBER_BYTES + 1)})
    with pytest.raises(InputError, match="holds") as caught:
        list(members(big, "x", JSON))
    assert is_plain(caught.value.message)


@given(st.integers(0, 1_500), st.binary(max_size=8), st.booleans())
def test_a_damaged_tar_is_read_or_refused(place: int, damage: bytes, packed: bool) -> None:  # noqa: FBT001
    """Nothing but InputError is raised."""
    content = bytearray(tar(**dict(RECORDS[:1])))
    content[place : place + len(damage)] = damage
    with suppress(InputError):
        list(members(gzip.compress(content) if packed else bytes(content), "x", JSON))


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstandard.compress])
def test_a_small_bomb_is_refused_before_it_grows(
    compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What packs two hundred times better than any feed is none: as a file, and inside of a tar."""
    monkeypatch.setattr(unpacking, "SMALL_BYTES", MIB)
    monkeypatch.setattr(unpacking, "MAX_MEMBER_BYTES", MIB)
    bomb = compress(bytes(8 * MIB))
    with pytest.raises(InputError, match="unpacks to more than"):
        unpacked(bomb, "x")
    with pytest.raises(InputError, match="unpacks to more than 1 MiB"):
        list(members(tar(**{"a.json.xz": bomb}), "x", JSON))


def test_a_tar_of_more_than_it_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody asks for its files: they have to be unpacked to come to the next one."""
    monkeypatch.setattr(unpacking, "SMALL_BYTES", MIB)
    bomb = lzma.compress(tar(a=bytes(MIB), b=bytes(MIB), c=b""))
    with pytest.raises(InputError, match="unpacks to more than"):
        list(members(bomb, "x", JSON))


def test_a_zip_whose_entries_are_the_same_bytes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its list may name one bomb many times over."""
    monkeypatch.setattr(unpacking, "SMALL_BYTES", MIB)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(MIB))
        first = archive.infolist()[0]
        for number in range(20):
            again = copy.copy(first)
            again.filename = f"{number}.json"
            archive.filelist.append(again)
    with pytest.raises(InputError, match="unpacks to more than"):
        list(members(buffer.getvalue(), "x", JSON))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_that_is_damaged_in_its_middle_is_not_shorter(pack: Callable[[bytes], bytes]) -> None:
    """Else all records behind the place would be lost, and their hosts called safe."""
    content = bytearray(tar(**{"a.json": b"{}", "b.json": b"{}", "c.json": b"{}"}))
    content[2 * tarfile.BLOCKSIZE] ^= 1
    with pytest.raises(InputError, match="damaged or cut off"):
        list(members(pack(bytes(content)), "x", JSON))


def test_the_sum_of_a_packed_tar_is_checked() -> None:
    """It stands behind the last file: one that is read only as far is not checked at all."""
    content = bytearray(gzip.compress(tar(**{"a.json": b"{}"})))
    content[-8] ^= 1
    with pytest.raises(InputError, match="cannot be unpacked"):
        list(members(bytes(content), "x", JSON))
