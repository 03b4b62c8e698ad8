"""Freezing from a signed archive over HTTP, onto a disk that may have been damaged meanwhile."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.integration.services.conftest import SteppingClock
from tests.integration.upstream import Upstream, WebServer, serving

from oakum.adapters.archives.debian import DebianArchive
from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.adapters.signing.openpgp import OwnKey
from oakum.adapters.snapshots.store import DiskSnapshotStore
from oakum.core.audit.event import Action
from oakum.core.ids import HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.host import Guard, Host
from oakum.core.inventory.package import InstalledPackage
from oakum.ports.stores import UnitOfWorkFactory
from oakum.ports.transport import Session
from oakum.services.freeze_snapshot import Freezer, Frozen


class NoTransport:
    """Every installed version is in the archive, so no host is asked."""

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        raise AssertionError(host)


@dataclass
class Shelf:
    """What is frozen where, and how to do it."""

    home: Path
    upstream: Upstream
    store: DiskSnapshotStore
    freeze: Callable[[], Frozen]

    def pooled(self, name: str) -> Path:
        content = self.upstream.packages[name]
        return next(p for p in self.home.glob("pool/*/*.deb") if p.read_bytes() == content)


HALTED = f"""
Package: tool
Version: 1.1
Architecture: amd64
Filename: pool/tool_1.1.deb
Size: 1
SHA256: {"1" * 64}
Phased-Update-Percentage: 0
"""


@pytest.fixture
def shelf(tmp_path: Path, begin: UnitOfWorkFactory, clock: SteppingClock) -> Iterator[Shelf]:
    home = tmp_path / "home"
    store = DiskSnapshotStore(
        home / "pool", home / "snapshots", OwnKey(home / "keys" / "test.key", "Test")
    )
    archive = DebianArchive(home / "pool", home / "indices", clock)
    with serving(WebServer()) as site:
        upstream = Upstream(site, tmp_path)
        upstream.add("tool", b"tool" * 5000)
        upstream.add("other", b"other" * 5000)
        upstream.publish()
        with begin() as work:
            host = Host(HostId("a"), "a", "a", 22, "root", "key", clock.now())
            work.hosts.add(host)
            work.facts.save(host.id, _facts(clock))
            work.commit()
        freezer = Freezer(
            begin, archive, store, NoTransport(), AptPackageManager(), clock, "me", lambda *_: None
        )

        def freeze() -> Frozen:
            return asyncio.run(freezer.freeze("bookworm", [upstream.source], allow_missing=False))

        yield Shelf(home, upstream, store, freeze)


def _facts(clock: SteppingClock) -> Facts:
    packages = tuple(
        InstalledPackage(name, "1.0", "amd64", name, "1.0") for name in ("other", "tool")
    )
    return Facts(
        clock.now(), "a", "machine", "boot", "amd64", Distribution("debian", "12", "bookworm"),
        RunningKernel("6.1", "#1"), has_systemd=True, is_container=True, packages=packages,
    )  # fmt: skip


def _faults(shelf: Shelf, frozen: Frozen) -> tuple[str, ...]:
    return shelf.store.verify(frozen.snapshot.manifest, lambda *_: None)


def test_freezing_again_changes_nothing(shelf: Shelf, actions: Callable[[], list[Action]]) -> None:
    """The same content is the same snapshot, and is recorded once."""
    first, second = shelf.freeze(), shelf.freeze()
    assert first.snapshot.id == second.snapshot.id
    assert (first.is_new, second.is_new) == (True, False)
    assert (first.mended, second.mended) == ((), ())
    assert actions() == [Action.SNAPSHOT_CREATED]


@pytest.mark.parametrize("size", ["same", "shorter", "gone"])
def test_a_damaged_snapshot_is_mended_and_that_is_said(shelf: Shelf, size: str) -> None:
    """Bytes that changed on the disk are fetched anew; what was whole is not."""
    frozen = shelf.freeze()
    pooled = shelf.pooled("tool")
    if size == "gone":
        content = pooled.read_bytes()
        for file in [path for path in shelf.home.rglob("*.deb") if path.read_bytes() == content]:
            file.unlink()
    else:
        length = pooled.stat().st_size - (size == "shorter")
        pooled.write_bytes(b"x" * length)
    assert _faults(shelf, frozen)
    shelf.upstream.site.asked.clear()
    again = shelf.freeze()
    assert again.snapshot.id == frozen.snapshot.id
    assert [fault.split(":")[0] for fault in again.mended] == ["tool 1.0"]
    assert _faults(shelf, again) == ()
    fetched = [path for path, _ in shelf.upstream.site.asked if path.startswith("pool/")]
    assert fetched == ["pool/tool_1.0.deb"]


def test_a_pool_that_was_damaged_before_makes_no_damaged_snapshot(shelf: Shelf) -> None:
    """A file of the right size under the right name is not believed for that."""
    shelf.freeze()
    pooled = shelf.pooled("tool")
    pooled.write_bytes(b"x" * pooled.stat().st_size)
    shelf.upstream.add("third", b"third" * 100)
    shelf.upstream.publish()
    assert _faults(shelf, shelf.freeze()) == ()


def test_a_prepared_host_is_not_asked_for_packages(
    shelf: Shelf, begin: UnitOfWorkFactory, clock: SteppingClock
) -> None:
    """Making them takes root: of two hosts that have a version, the other one is asked."""
    gone = InstalledPackage("gone", "1.0", "amd64", "gone", "1.0")
    facts = replace(_facts(clock), packages=(gone,))
    with begin() as work:
        first = work.hosts.get(HostId("a"))
        second = replace(first, id=HostId("b"), name="b", address="b")
        work.hosts.update(replace(first, guard=Guard(1, ("SHA256:ann",))))
        work.hosts.add(second)
        for host in (first, second):
            work.facts.save(host.id, facts)
        work.commit()
    with pytest.raises(AssertionError) as asked:
        shelf.freeze()
    assert asked.value.args == (second,)


def test_an_update_that_its_vendor_halted_is_left_out_and_named(shelf: Shelf) -> None:
    """The version before it is what hosts may move to."""
    shelf.upstream.more_index = HALTED.encode()
    shelf.upstream.publish()
    manifest = shelf.freeze().snapshot.manifest
    assert [f"{u.name} {u.reason}" for u in manifest.left_out] == [
        "tool 1.1 was left out: its vendor has halted it (phased at 0 %)"
    ]
    assert {p.version for p in manifest.packages} == {"1.0"}
    assert _faults(shelf, shelf.freeze()) == ()
