import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.feeds.bundle import MANIFEST, Bundle, open_bundle, shipped_bundle
from oakum.core.advisories.feed import FeedName
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, NotFoundError, OakumError, TrustError
from oakum.ports.signing import Signed

KEV = (Path(__file__).parents[2] / "golden" / "feeds" / "kev.json").read_bytes()
ENTRY = {
    "feed": "kev",
    "file": "kev.json",
    "sha256": digest_of_bytes(KEV),
    "data_as_of": "2026-08-07T00:00:00Z",
    "records": 4,
    "origin": "CISA",
    "licence": "CC0-1.0",
}

SHIPPED = {
    FeedName.DEBIAN_TRACKER, FeedName.DEBIAN_DSA, FeedName.DEBIAN_DLA, FeedName.KEV, FeedName.EPSS,
    FeedName.CVE_RECORDS,
}  # fmt: skip


def manifest(**changes: object) -> bytes:
    files = [ENTRY | changes, ENTRY | {"feed": "of a later Oakum"}]
    made = {"format": 1, "name": "test", "made_at": "2026-11-21T00:00:00Z", "files": files}
    return json.dumps(made).encode()


class Held:
    """A bundle's files, in memory."""

    def read(self, name: str) -> bytes | None:
        return {"kev.json": KEV}.get(name)


class Nobody:
    """Believes no signature."""

    def verified(self, content: bytes, place: str) -> Signed:
        raise TrustError(f"{place}: {len(content)} bytes that nobody signed")


def bundle(**changes: object) -> Bundle:
    return Bundle(Held(), "test", manifest(**changes))


def unsigned(path: Path) -> Bundle:
    return open_bundle(path, Nobody(), may_be_unsigned=True)


def test_the_shipped_bundle_is_whole() -> None:
    """Every feed is there, as its manifest says, and no record of it is unreadable."""
    shipped = shipped_bundle()
    assert set(shipped.feeds()) == SHIPPED
    for entry in shipped.manifest.files:
        content = shipped.load(FeedName(entry.feed))
        assert content.state.records == entry.records
        assert content.unreadable == ()
        assert content.state.data_as_of == entry.data_as_of


def test_feeds_that_this_version_does_not_know_are_passed_over() -> None:
    """A later bundle can be read."""
    assert list(bundle().feeds()) == [FeedName.KEV]


def test_a_file_that_is_not_what_its_manifest_says_is_not_trusted() -> None:
    """Neither the damaged file nor the wrong digest is used."""
    with pytest.raises(TrustError, match=r"kev\.json"):
        bundle(sha256="0" * 64).load(FeedName.KEV)


def test_a_feed_that_is_not_in_it_is_not_found() -> None:
    """The message names the feed."""
    with pytest.raises(NotFoundError, match="epss"):
        bundle().load(FeedName.EPSS)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", manifest(data_as_of="2026-08-07T00:00:00"), manifest(records="many"),
     manifest().replace(b'"format": 1', b'"format": 2')],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_refused(content: bytes) -> None:
    """Also one whose date has no zone: its age could not be told."""
    with pytest.raises(InputError):
        Bundle(Held(), "test", content)


@pytest.mark.parametrize("name", ["../kev.json", "/etc/passwd", ".hidden"])
def test_a_bundle_names_no_file_outside_itself(name: str, tmp_path: Path) -> None:
    """A manifest cannot have other files read."""
    (tmp_path / MANIFEST).write_bytes(manifest(file=name))
    with pytest.raises(InputError, match="outside itself"):
        unsigned(tmp_path).load(FeedName.KEV)


def test_a_directory_and_a_tar_are_the_same_bundle(tmp_path: Path) -> None:
    """Both are opened by their path."""
    directory, packed = tmp_path / "bundle", tmp_path / "bundle.tar.xz"
    directory.mkdir()
    (directory / MANIFEST).write_bytes(manifest())
    (directory / "kev.json").write_bytes(KEV)
    with tarfile.open(packed, "w:xz") as tar:
        tar.add(directory, "bundle")
    assert unsigned(directory).load(FeedName.KEV) == unsigned(packed).load(FeedName.KEV)


def test_what_is_missing_is_said_in_words(tmp_path: Path) -> None:
    """An empty directory, a missing file and a text are no bundle."""
    with pytest.raises(InputError, match=r"no file 'manifest\.json'"):
        unsigned(tmp_path)
    with pytest.raises(InputError):
        unsigned(tmp_path / "missing.tar")
    with pytest.raises(InputError):
        unsigned(tmp_path / ("x" * 5000))
    (tmp_path / "text.tar").write_text("no tar")
    with pytest.raises(InputError):
        unsigned(tmp_path / "text.tar")


@given(place=st.integers(0, 10_000), damage=st.binary(min_size=1, max_size=6))
def test_a_damaged_tar_is_never_believed(
    place: int, damage: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Either everything is as the manifest says, or an error of ours says what is not."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in ((MANIFEST, manifest()), ("kev.json", KEV)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    damaged = bytearray(buffer.getvalue())
    damaged[place % len(damaged) : place % len(damaged) + len(damage)] = damage
    path = tmp_path_factory.getbasetemp() / "damaged.tar"
    path.write_bytes(damaged)
    try:
        found = unsigned(path).load(FeedName.KEV)
    except OakumError:
        return
    assert found.state.sha256 == digest_of_bytes(KEV)
