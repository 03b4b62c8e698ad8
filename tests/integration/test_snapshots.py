"""Snapshots on disk: published at once, verified byte by byte, and believed by the real apt."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from tests.conformance.transports.ssh_server import free_port
from tests.integration.tiny_disk import fill, tiny_disk

from oakum.adapters.signing.openpgp import OwnKey
from oakum.adapters.snapshots.reach import require_served
from oakum.adapters.snapshots.repository import repository_files
from oakum.adapters.snapshots.server import make_app, serve
from oakum.adapters.snapshots.store import DiskSnapshotStore
from oakum.core.errors import InputError, RefusedError, StorageError
from oakum.core.ids import Digest
from oakum.core.repositories.deb_file import stanza_of
from oakum.core.repositories.snapshot import Role, Snapshot, SnapshotManifest, SnapshotPackage

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _quiet(what: str, done: int, total: int) -> None:
    del what, done, total


def _deb(directory: Path, name: str, version: str, depends: str = "") -> bytes:
    tree = directory / f"{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n"
        f"Maintainer: Tests <tests@oakum.invalid>\n{depends}Description: made for a test\n"
    )
    target = directory / f"{name}-{version}.deb"
    build = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(target)]
    subprocess.run(build, check=True, capture_output=True)
    return target.read_bytes()


@pytest.fixture(scope="session")
def debs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Build an old and a new tool, and the library that the new one needs."""
    directory = tmp_path_factory.mktemp("debs")
    return {
        "old": _deb(directory, "oak-tool", "1.0"),
        "new": _deb(directory, "oak-tool", "1.1", "Depends: oak-library (>= 2)\n"),
        "library": _deb(directory, "oak-library", "2.0"),
    }


class Shop:
    """A store in a directory, and snapshots of these packages."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.published = home / "snapshots"
        self.store = DiskSnapshotStore(
            home / "pool", self.published, OwnKey(home / "keys" / "snapshots.key", "Test")
        )
        self.stanzas: dict[Digest, str] = {}

    def package(self, content: bytes) -> SnapshotPackage:
        digest = self.store.put(content)
        self.stanzas[digest] = stanza_of(content, digest)
        fields = dict(
            line.split(": ", 1) for line in self.stanzas[digest].splitlines() if ": " in line
        )
        return SnapshotPackage(
            fields["Package"], fields["Version"], "amd64", fields["Package"], fields["Version"],
            digest, len(content), 0, (Role.CANDIDATE,), "a test",
        )  # fmt: skip

    def publish(self, *contents: bytes) -> Snapshot:
        packages = tuple(self.package(content) for content in contents)
        manifest = SnapshotManifest("bookworm", "amd64", packages, ())
        self.store.publish(manifest, self.stanzas)
        return Snapshot(manifest, NOW, sum(package.size_bytes for package in packages))

    def tree(self, snapshot: Snapshot) -> Path:
        return self.published / snapshot.id

    def faults(self, snapshot: Snapshot) -> tuple[str, ...]:
        return self.store.verify(snapshot.manifest, _quiet)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "home")


def test_what_was_published_verifies(shop: Shop, debs: dict[str, bytes]) -> None:
    """A snapshot fresh from the press has no fault, and tells its bytes."""
    snapshot = shop.publish(*debs.values())
    assert shop.faults(snapshot) == ()
    assert snapshot.total_bytes == sum(len(content) for content in debs.values())


def test_equal_content_is_the_same_snapshot(
    shop: Shop, tmp_path: Path, debs: dict[str, bytes]
) -> None:
    """Another controller that freezes the same packages in another order makes the same bytes."""
    here = shop.publish(*debs.values())
    other = Shop(tmp_path / "other")
    there = other.publish(*reversed(debs.values()))
    assert here.id == there.id
    assert _contents(shop.tree(here)) == _contents(other.tree(there))


def _contents(tree: Path) -> dict[str, bytes]:
    """Return every file but the signature, which holds a time and a key."""
    return {
        str(path.relative_to(tree)): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and path.name != "InRelease"
    }


def test_publishing_again_changes_nothing(shop: Shop, debs: dict[str, bytes]) -> None:
    """The same snapshot twice is one, signature included."""
    snapshot = shop.publish(debs["old"])
    signed = (shop.tree(snapshot) / "dists/bookworm/InRelease").read_bytes()
    assert shop.publish(debs["old"]) == snapshot
    assert (shop.tree(snapshot) / "dists/bookworm/InRelease").read_bytes() == signed


@pytest.mark.parametrize(
    "pattern",
    [
        "manifest.json",
        "dists/bookworm/InRelease",
        "dists/bookworm/Release",
        "dists/bookworm/main/binary-amd64/Packages",
        "dists/bookworm/main/binary-amd64/Packages.xz",
        "dists/bookworm/main/binary-amd64/by-hash/SHA256/*",
        "pool/*/*.deb",
    ],
)
@pytest.mark.parametrize("harm", ["change", "cut", "remove"])
def test_every_changed_byte_is_found(
    shop: Shop, debs: dict[str, bytes], pattern: str, harm: str
) -> None:
    """Each file that a host could read is checked, and the fault names it."""
    snapshot = shop.publish(debs["new"], debs["library"])
    victims = sorted(shop.tree(snapshot).glob(pattern))
    assert victims
    for victim in victims:
        whole = victim.read_bytes()
        middle = len(whole) // 2
        if harm == "change":
            victim.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        elif harm == "cut":
            victim.write_bytes(whole[:-1])
        else:
            victim.unlink()
        assert shop.faults(snapshot), f"{victim} was not missed"
        victim.write_bytes(whole)
    assert shop.faults(snapshot) == ()


def test_a_damaged_snapshot_is_discarded_with_what_is_damaged_alone(
    shop: Shop, debs: dict[str, bytes]
) -> None:
    """Then it can be published again, from what is fetched anew and what was whole."""
    snapshot = shop.publish(debs["new"], debs["library"])
    broken, whole = snapshot.manifest.packages
    pooled = next(shop.home.glob(f"pool/*/{broken.sha256}.deb"))
    pooled.write_bytes(b"x" * broken.size_bytes)
    assert len(shop.faults(snapshot)) == 1
    shop.store.discard(snapshot.manifest)
    assert not shop.store.has(broken.sha256)
    assert shop.store.has(whole.sha256)
    assert not list(shop.published.glob("*"))
    shop.store.put(debs["new"])
    shop.store.publish(snapshot.manifest, shop.stanzas)
    assert shop.faults(snapshot) == ()


def test_the_signed_indices_of_another_snapshot_are_found(
    shop: Shop, debs: dict[str, bytes]
) -> None:
    """Indices that we signed for other packages are not this snapshot's."""
    old, new = shop.publish(debs["old"]), shop.publish(debs["library"])
    shutil.rmtree(shop.tree(new) / "dists")
    shutil.copytree(shop.tree(old) / "dists", shop.tree(new) / "dists")
    assert shop.faults(new)


def test_a_snapshot_that_is_gone_is_said(shop: Shop, debs: dict[str, bytes]) -> None:
    """A removed tree is a fault and not an empty list."""
    snapshot = shop.publish(debs["old"])
    shop.store.remove(snapshot.id)
    assert "is not there" in shop.faults(snapshot)[0]


def test_removing_keeps_what_others_hold(shop: Shop, debs: dict[str, bytes]) -> None:
    """A package goes with the last snapshot that holds it, not before."""
    first = shop.publish(debs["old"], debs["library"])
    second = shop.publish(debs["new"], debs["library"])
    shop.store.remove(first.id)
    assert shop.faults(second) == ()
    digests = {package.name: package.sha256 for package in second.manifest.packages}
    assert shop.store.has(digests["oak-library"])
    assert not shop.store.has(first.manifest.packages[0].sha256)
    shop.store.remove(second.id)
    shop.store.remove(second.id)
    assert not list((shop.home / "pool").rglob("*.deb"))


def test_publishing_that_fails_shows_nothing(shop: Shop, debs: dict[str, bytes]) -> None:
    """A snapshot whose package is not in the pool is not half there."""
    package = shop.package(debs["old"])
    missing = replace(package, name="oak-gone", sha256=Digest("0" * 64))
    manifest = SnapshotManifest("bookworm", "amd64", (package, missing), ())
    with pytest.raises(StorageError):
        shop.store.publish(manifest, {**shop.stanzas, missing.sha256: ""})
    assert list(shop.published.iterdir()) == []


def test_what_a_killed_publishing_left_goes_with_the_next(
    shop: Shop, debs: dict[str, bytes]
) -> None:
    """A draft that nobody will finish does not hold packages for ever."""
    snapshot = shop.publish(debs["old"])
    shutil.copytree(shop.tree(snapshot), shop.published / ".draft-killed", copy_function=os.link)
    shop.store.remove(snapshot.id)
    assert not list(shop.published.iterdir())
    assert not list((shop.home / "pool").rglob("*.deb"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_full_disk_publishes_nothing(tmp_path: Path, debs: dict[str, bytes]) -> None:
    """No room is said, and no snapshot appears."""
    with tiny_disk(tmp_path / "disk", 512) as disk:
        shop = Shop(disk)
        package = shop.package(debs["old"])
        fill(disk)
        manifest = SnapshotManifest("bookworm", "amd64", (package,), ())
        with pytest.raises(StorageError, match="No space left"):
            shop.store.publish(manifest, shop.stanzas)
        assert not shop.published.exists() or list(shop.published.iterdir()) == []
        with pytest.raises(StorageError, match="No space left"):
            shop.store.put(bytes(100_000))


def test_the_key_is_for_its_owner_alone(shop: Shop) -> None:
    """Whoever could read the key could sign for the whole fleet."""
    shop.store.public_key()
    assert (shop.home / "keys" / "snapshots.key").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in shop.store.public_key()


def test_a_damaged_key_is_a_storage_error(shop: Shop) -> None:
    """A key file that is none any more is named, and no new key is made in its place."""
    shop.store.public_key()
    key = shop.home / "keys" / "snapshots.key"
    key.write_text("-----BEGIN")
    with pytest.raises(StorageError, match=r"snapshots\.key"):
        shop.store.public_key()
    assert key.read_text() == "-----BEGIN"


# served to the real apt


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    """Serve what is published as `oakum snapshots serve` does."""
    port = free_port("127.0.0.1")
    server = uvicorn.Server(
        uvicorn.Config(make_app(shop.published), host="127.0.0.1", port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        pass
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


class ScratchRoot:
    """An apt of its own, with no package installed."""

    def __init__(self, directory: Path, source: str, key: str) -> None:
        for name in ("etc/apt/none", "state/lists/partial", "cache/archives/partial", "dpkg"):
            (directory / name).mkdir(parents=True)
        (directory / "dpkg" / "status").write_text("")
        # Read before this machine's own configuration, and in its place.
        (directory / "apt.conf").write_text(
            f'Dir::Etc::Main "/dev/null"; Dir::Etc::Parts "{directory}/etc/apt/none";\n'
        )
        (directory / "key.asc").write_text(key)
        (directory / "etc/apt/sources.list").write_text(
            f"deb [signed-by={directory}/key.asc] {source} bookworm main\n"
        )
        self.directory = directory

    def apt(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        d = self.directory
        options = {
            "Dir::Etc": f"{d}/etc/apt",
            "Dir::State": f"{d}/state", "Dir::State::status": f"{d}/dpkg/status",
            "Dir::Cache": f"{d}/cache", "APT::Architecture": "amd64",
            "Acquire::Check-Valid-Until": "true", "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return subprocess.run(
            ["apt-get", *words, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "APT_CONFIG": f"{d}/apt.conf"},
        )


def test_apt_installs_from_a_snapshot(
    shop: Shop, url: str, tmp_path: Path, debs: dict[str, bytes]
) -> None:
    """Debian's own apt believes the signature, the old Date, and finds the closure."""
    snapshot = shop.publish(*debs.values())
    source = f"{url}/snapshots/{snapshot.id}"
    root = ScratchRoot(tmp_path / "root", source, shop.store.public_key())
    updated = root.apt("update", "--error-on=any")
    assert updated.returncode == 0, updated.stderr
    assert updated.stderr == ""
    simulated = root.apt("-s", "install", "oak-tool")
    assert "Inst oak-library (2.0" in simulated.stdout
    assert "Inst oak-tool (1.1" in simulated.stdout
    old = root.apt("-s", "install", "oak-tool=1.0")
    assert "Inst oak-tool (1.0" in old.stdout
    fetched = root.apt("install", "--download-only", "-y", "oak-tool")
    assert fetched.returncode == 0, fetched.stderr
    got = {path.read_bytes() for path in (tmp_path / "root/cache/archives").glob("*.deb")}
    assert got == {debs["new"], debs["library"]}


def test_apt_refuses_a_snapshot_under_another_key(
    shop: Shop, url: str, tmp_path: Path, debs: dict[str, bytes]
) -> None:
    """A host that trusts another controller takes nothing from this one."""
    snapshot = shop.publish(debs["old"])
    stranger = OwnKey(tmp_path / "stranger" / "test.key", "Test").public_key()
    root = ScratchRoot(tmp_path / "root", f"{url}/snapshots/{snapshot.id}", stranger)
    updated = root.apt("update", "--error-on=any")
    assert updated.returncode != 0
    assert "NO_PUBKEY" in updated.stderr
    assert "Unable to locate package" in root.apt("-s", "install", "oak-tool").stderr


def test_apt_refuses_a_changed_package(
    shop: Shop, url: str, tmp_path: Path, debs: dict[str, bytes]
) -> None:
    """A package that was changed on the controller's disk is not installed anywhere."""
    snapshot = shop.publish(debs["old"])
    (deb,) = shop.tree(snapshot).glob("pool/*/*.deb")
    deb.write_bytes(deb.read_bytes()[:-1] + b"!")
    source = f"{url}/snapshots/{snapshot.id}"
    root = ScratchRoot(tmp_path / "root", source, shop.store.public_key())
    assert root.apt("update").returncode == 0
    fetched = root.apt("install", "--download-only", "-y", "oak-tool")
    assert "Hash Sum mismatch" in fetched.stderr


def _get(url: str, path: str) -> tuple[int, bytes]:
    """Ask for a path as it stands: no client of ours tidies it up."""
    import http.client  # noqa: PLC0415 (only this function needs it)

    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.putrequest("GET", path, skip_host=False)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@pytest.mark.parametrize(
    "path",
    [
        "/snapshots/{id}/../../keys/snapshots.key",
        "/snapshots/{id}/%2e%2e/%2e%2e/keys/snapshots.key",
        "/snapshots/{id}/..%2f..%2fkeys/snapshots.key",
        "/snapshots/{id}//etc/passwd",
        "/snapshots/{id}/dists/./../../../keys/snapshots.key",
        "/snapshots/../keys/snapshots.key",
        "/snapshots/%2e%2e/keys/snapshots.key",
        "/snapshots/{id}/dists",
        "/snapshots/{id}/",
        "/snapshots/{id}/.hidden",
        "/snapshots/{id}/manifest.json%00.txt",
        "/snapshots/.draft-abc/manifest.json",
        "/snapshots/",
        "/keys/snapshots.key",
        "/..%2fkeys/snapshots.key",
    ],
)
def test_nothing_but_published_files_is_served(
    shop: Shop, url: str, debs: dict[str, bytes], path: str
) -> None:
    """No way of writing a path leads out of a snapshot's tree."""
    snapshot = shop.publish(debs["old"])
    (shop.tree(snapshot) / ".hidden").write_text("x")
    (shop.published / ".draft-abc").mkdir()
    (shop.published / ".draft-abc" / "manifest.json").write_text("x")
    status, content = _get(url, path.format(id=snapshot.id))
    assert status == 404
    assert b"PRIVATE" not in content


@pytest.mark.parametrize("name", ["a--b.deb", "x+y~1.deb", "1%3a2.deb"])
def test_names_as_archives_write_them_are_served(
    shop: Shop, url: str, debs: dict[str, bytes], name: str
) -> None:
    """Dashes, signs and escaped colons are parts of honest names."""
    snapshot = shop.publish(debs["old"])
    (shop.tree(snapshot) / "pool" / name.replace("%3a", ":")).write_bytes(b"here")
    assert _get(url, f"/snapshots/{snapshot.id}/pool/{name}") == (200, b"here")


def test_the_server_says_that_it_is_well(url: str) -> None:
    """A health check needs no snapshot."""
    assert _get(url, "/health") == (200, b"ok\n")


def test_a_rollout_asks_the_server_as_hosts_do(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the controller's environment says nothing of what hosts can fetch."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port('127.0.0.1')}")
    require_served(url)


@pytest.mark.parametrize("is_other", [True, False])
def test_a_server_that_is_not_there_is_said_with_what_to_do(url: str, *, is_other: bool) -> None:
    """No host is sent to an address at which nothing, or something else, answers."""
    wrong = f"{url}/other" if is_other else f"http://127.0.0.1:{free_port('127.0.0.1')}"
    with pytest.raises(RefusedError, match="hosts could not fetch snapshots") as caught:
        require_served(wrong)
    assert "snapshots serve" in (caught.value.hint or "")


@pytest.mark.parametrize("listen", ["", "8321", "host:", "127.0.0.1:99999", "no-such.invalid:1"])
def test_an_address_that_is_none_is_an_input_error(tmp_path: Path, listen: str) -> None:
    """A typing error is answered before anything is served."""
    with pytest.raises(InputError):
        serve(tmp_path, listen, lambda _: None)


def test_an_address_in_use_is_said(tmp_path: Path, url: str) -> None:
    """A second server on the same port is told of the first."""
    with pytest.raises(InputError, match="cannot listen") as caught:
        serve(tmp_path, url.removeprefix("http://"), lambda _: None)
    assert "another" in (caught.value.hint or "")


def test_indices_are_the_same_for_any_order_of_packages(shop: Shop, debs: dict[str, bytes]) -> None:
    """The text of the indices follows from the content alone."""
    packages = tuple(shop.package(content) for content in debs.values())
    one = SnapshotManifest("bookworm", "amd64", packages, ())
    two = replace(one, packages=packages[::-1])
    assert repository_files(one, shop.stanzas) == repository_files(two, shop.stanzas)
