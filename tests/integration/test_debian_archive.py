"""Reading a signed archive over HTTP: what is believed, what is refused, what is resumed."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pysequoia
import pytest
from tests.integration.tiny_disk import fill, tiny_disk
from tests.integration.upstream import INDEX, SUITE, Upstream, WebServer, clearsigned, serving

from oakum.adapters.archives.debian import DebianArchive, pool_path
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, OakumError, SourceError, StorageError, TrustError
from oakum.core.repositories.archive import ArchiveIndex, ArchivePackage

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BACKDATED_SECONDS = 60
"""How old Sequoia calls a key that it has just made."""
IN_RELEASE = f"dists/{SUITE}/InRelease"
DEB = b"\x1f not really a package " * 50_000
BLOCK = b"-----BEGIN PGP SIGNED MESSAGE-----"


class StoppedClock:
    def now(self) -> datetime:
        return NOW


def _quiet(what: str, done: int, total: int) -> None:
    del what, done, total


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with serving(WebServer()) as site:
        made = Upstream(site, tmp_path)
        made.add("tool", DEB)
        made.publish()
        yield made


@pytest.fixture
def archive(tmp_path: Path) -> DebianArchive:
    return DebianArchive(tmp_path / "pool", tmp_path / "cache", StoppedClock())


def read(archive: DebianArchive, upstream: Upstream) -> ArchiveIndex:
    return archive.read_index(upstream.source, "amd64", _quiet)


def refusal(archive: DebianArchive, upstream: Upstream, kind: type[OakumError]) -> str:
    with pytest.raises(kind) as caught:
        read(archive, upstream)
    assert type(caught.value) is kind
    return caught.value.message


def test_a_good_archive_is_read(archive: DebianArchive, upstream: Upstream) -> None:
    """Packages come with the provenance that proves them."""
    index = read(archive, upstream)
    (package,) = index.packages
    assert (package.name, package.sha256) == ("tool", digest_of_bytes(DEB))
    assert [len(fingerprint) for fingerprint in index.release.signed_by] == [40]
    in_release = upstream.site.files[IN_RELEASE]
    assert index.release.in_release_sha256 == digest_of_bytes(in_release)


def test_a_changed_release_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """One changed byte of what is signed spoils the signature."""
    upstream.show(upstream.site.files[IN_RELEASE].replace(b"bookworm", b"bullseye"))
    assert "the file was changed" in refusal(archive, upstream, TrustError)


@pytest.mark.parametrize("content", [b"", b"Suite: stable\n", b"<html>sign in</html>\n"])
def test_what_is_not_signed_is_refused(
    archive: DebianArchive, upstream: Upstream, content: bytes
) -> None:
    """A captive portal's page, or a Release without a signature, is no index."""
    upstream.show(content)
    refusal(archive, upstream, TrustError)


def test_an_unknown_key_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """A good signature by a key that nobody trusts is none."""
    stranger = pysequoia.Tsk.generate("Stranger")
    upstream.show(clearsigned(stranger, upstream.release()))
    assert "keyring does not hold" in refusal(archive, upstream, TrustError)


def test_a_key_that_is_not_allowed_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """Of a keyring with many keys only the named ones count."""
    source = upstream.source
    other = type(source)(source.uri, source.suite, source.components, source.keyring, ("0" * 40,))
    with pytest.raises(TrustError, match="not among the allowed"):
        archive.read_index(other, "amd64", _quiet)


def test_an_expired_key_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """A key that its owner let expire signs nothing any more, however good the signature."""
    key = pysequoia.Tsk.generate("Vendor", validity_seconds=BACKDATED_SECONDS + 2)
    upstream.show(clearsigned(key, upstream.release()))
    upstream.keyring.write_bytes(bytes(key.extract_certificate()))
    assert len(read(archive, upstream).packages) == 1
    time.sleep(3.5)
    assert "expired" in refusal(archive, upstream, TrustError)


@pytest.mark.parametrize("before", [b"", b"Codename: evil\nDate: now\nSHA256:\n\n"])
@pytest.mark.parametrize("after", [b"", b"\nCodename: evil\n"])
def test_text_around_the_signed_part_is_ignored(
    archive: DebianArchive, upstream: Upstream, before: bytes, after: bytes
) -> None:
    """Only what was signed is read, whatever stands before and after it."""
    upstream.show(before + upstream.site.files[IN_RELEASE] + after)
    assert read(archive, upstream).release.codename == "bookworm"


@pytest.mark.parametrize("stranger_first", [True, False])
def test_two_signed_parts_are_refused(
    archive: DebianArchive,
    upstream: Upstream,
    stranger_first: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """A good signature does not vouch for a second message beside it."""
    good = upstream.site.files[IN_RELEASE]
    evil = clearsigned(pysequoia.Tsk.generate("Stranger"), "Codename: evil\nDate: x\nSHA256:\n")
    upstream.show(evil + good if stranger_first else good + evil)
    refusal(archive, upstream, TrustError)


def test_an_expired_release_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """A mirror that holds updates back is found by its Valid-Until."""
    upstream.publish("Valid-Until: Mon, 23 Nov 2026 23:59:59 UTC")
    assert "expired on 2026-11-23" in refusal(archive, upstream, TrustError)


@pytest.mark.parametrize("zone", ["UTC", "+0000", "-0000", ""])
def test_a_release_that_is_still_valid_is_read(
    archive: DebianArchive, upstream: Upstream, zone: str
) -> None:
    """However the zone is written, the moment is in UTC."""
    upstream.publish(f"Valid-Until: Tue, 24 Nov 2026 00:00:01 {zone}".rstrip())
    assert len(read(archive, upstream).packages) == 1


def test_a_date_that_is_none_is_an_input_error(archive: DebianArchive, upstream: Upstream) -> None:
    """A Valid-Until that says nothing is not taken for for ever."""
    upstream.publish("Valid-Until: some day")
    assert "is no date" in refusal(archive, upstream, InputError)


def test_indices_are_asked_for_by_their_hash(archive: DebianArchive, upstream: Upstream) -> None:
    """Where the archive offers it, a mirror that changes in the middle does no harm."""
    upstream.publish("Acquire-By-Hash: yes")
    for name in ("Packages", "Packages.xz"):
        del upstream.site.files[f"{INDEX}/{name}"]
    assert len(read(archive, upstream).packages) == 1


def test_a_truncated_index_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """A short index is not a small one."""
    packed = upstream.site.files[f"{INDEX}/Packages.xz"]
    upstream.site.files[f"{INDEX}/Packages.xz"] = packed[:-20]
    assert "ended after" in refusal(archive, upstream, SourceError)


def test_an_altered_index_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """An index of the right length and other bytes is not the signed one."""
    packed = bytearray(upstream.site.files[f"{INDEX}/Packages.xz"])
    packed[30] ^= 1
    upstream.site.files[f"{INDEX}/Packages.xz"] = bytes(packed)
    assert "not what the signed index names" in refusal(archive, upstream, TrustError)


def test_a_damaged_copy_of_ours_is_fetched_anew(
    archive: DebianArchive, upstream: Upstream, tmp_path: Path
) -> None:
    """A kept index that a power cut spoiled does not stand in the way for ever."""
    read(archive, upstream)
    for kept in (tmp_path / "cache" / "indices").iterdir():
        kept.write_bytes(bytes(kept.stat().st_size))
    assert len(read(archive, upstream).packages) == 1


def test_a_server_that_compresses_does_not_confuse_us(
    archive: DebianArchive, upstream: Upstream
) -> None:
    """The bytes that are checked are those of the file, whatever the server likes to send."""
    upstream.site.compresses = True
    archive.fetch(read(archive, upstream).packages, _quiet)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_server_that_refuses_is_named(
    archive: DebianArchive, upstream: Upstream, status: int
) -> None:
    """The address and the server's answer are in the message."""
    upstream.site.status[IN_RELEASE] = status
    message = refusal(archive, upstream, SourceError)
    assert f"{upstream.site.url}/{IN_RELEASE} answers {status}" in message


def test_a_server_that_is_down_is_named(archive: DebianArchive, tmp_path: Path) -> None:
    """No connection is a source error with the address."""
    with serving(WebServer()) as site:
        gone = Upstream(site, tmp_path)
    assert gone.site.url in refusal(archive, gone, SourceError)


def _packages(archive: DebianArchive, upstream: Upstream) -> tuple[ArchivePackage, ...]:
    return read(archive, upstream).packages


def test_packages_are_fetched_once(
    archive: DebianArchive, upstream: Upstream, tmp_path: Path
) -> None:
    """A package in the pool is not fetched again, and has the signed bytes."""
    packages = _packages(archive, upstream)
    archive.fetch(packages, _quiet)
    archive.fetch(packages, _quiet)
    assert pool_path(tmp_path / "pool", packages[0].sha256).read_bytes() == DEB
    assert [path for path, _ in upstream.site.asked].count("pool/tool_1.0.deb") == 1


def test_the_same_package_twice_is_fetched_once(archive: DebianArchive, upstream: Upstream) -> None:
    """Two suites that hold the same bytes do not write one file at the same time."""
    packages = _packages(archive, upstream)
    archive.fetch(packages * 4, _quiet)
    assert [path for path, _ in upstream.site.asked].count("pool/tool_1.0.deb") == 1


def test_an_altered_package_is_refused(
    archive: DebianArchive, upstream: Upstream, tmp_path: Path
) -> None:
    """A package with other bytes never enters the pool, and nothing of it is kept."""
    packages = _packages(archive, upstream)
    upstream.site.files["pool/tool_1.0.deb"] = DEB[:-1] + b"!"
    with pytest.raises(TrustError, match=r"pool/tool_1\.0\.deb"):
        archive.fetch(packages, _quiet)
    assert not [path for path in (tmp_path / "pool").rglob("*") if path.is_file()]


def test_a_package_that_is_too_long_is_refused(archive: DebianArchive, upstream: Upstream) -> None:
    """A server cannot fill the disk with more than the index says."""
    packages = _packages(archive, upstream)
    upstream.site.files["pool/tool_1.0.deb"] = DEB + b"!"
    with pytest.raises(TrustError, match="larger than the index says"):
        archive.fetch(packages, _quiet)


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_a_cut_connection_is_resumed(
    archive: DebianArchive,
    upstream: Upstream,
    tmp_path: Path,
    ignores_ranges: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """What came is kept, the rest is asked for, and a server without ranges is borne."""
    packages = _packages(archive, upstream)
    upstream.site.ignores_ranges = ignores_ranges
    upstream.site.cut_after["pool/tool_1.0.deb"] = [300_000]
    archive.fetch(packages, _quiet)
    assert pool_path(tmp_path / "pool", packages[0].sha256).read_bytes() == DEB
    ranges = [wanted for path, wanted in upstream.site.asked if path.endswith(".deb")]
    assert ranges[0] == ""
    assert ranges[1].startswith("bytes=")


def test_what_an_earlier_command_fetched_is_gone_on_with(
    archive: DebianArchive, upstream: Upstream
) -> None:
    """Giving up and running again later does not begin from nothing."""
    packages = _packages(archive, upstream)
    upstream.site.cut_after["pool/tool_1.0.deb"] = [300_000, 0, 0]
    with pytest.raises(SourceError, match=r"cannot be fetched|ended after"):
        archive.fetch(packages, _quiet)
    archive.fetch(packages, _quiet)
    assert upstream.site.asked[-1][1].startswith("bytes=")


def test_a_pool_file_that_a_power_cut_emptied_is_fetched_anew(
    archive: DebianArchive, upstream: Upstream, tmp_path: Path
) -> None:
    """A name in the pool without its bytes is not taken for the package."""
    packages = _packages(archive, upstream)
    archive.fetch(packages, _quiet)
    target = pool_path(tmp_path / "pool", packages[0].sha256)
    target.write_bytes(b"")
    archive.fetch(packages, _quiet)
    assert target.read_bytes() == DEB


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_full_disk_is_said(upstream: Upstream, tmp_path: Path) -> None:
    """No room for a package is the controller's trouble, not the archive's; room mends it."""
    with tiny_disk(tmp_path / "disk", 4096) as disk:
        archive = DebianArchive(disk / "pool", tmp_path / "cache", StoppedClock())
        packages = _packages(archive, upstream)
        fill(disk)
        with pytest.raises(StorageError, match="No space left"):
            archive.fetch(packages, _quiet)
        (disk / "filler").unlink()
        archive.fetch(packages, _quiet)
        assert pool_path(disk / "pool", packages[0].sha256).read_bytes() == DEB
