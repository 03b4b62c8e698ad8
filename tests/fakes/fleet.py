"""Hosts without machines: what each did is kept by the host, and outlives whoever asked for it."""

import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tests.plans import NOW, PLAN, WEB

from oakum.core.ids import HostId, TransactionId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.plan import Budget, Plan, RebootPolicy, Ring, Window
from oakum.core.repositories.snapshot import Role, Snapshot, SnapshotManifest, SnapshotPackage
from oakum.core.rollout.transaction import TransactionState, TransactionStatus
from oakum.core.staging.check import Check, CheckResult
from oakum.ports.clock import Clock
from oakum.ports.package_manager import (
    Simulation,
    SnapshotAccess,
    Target,
    Transaction,
    TransactionMode,
)
from oakum.ports.stores import Approval, UnitOfWorkFactory
from oakum.ports.transport import CommandResult, Session
from oakum.services.assign_hosts import assign_hosts
from oakum.services.drive_host import Assignment, Tools

OLD, NEW = WEB.changes[0].old_version, WEB.changes[0].new_version
Fault = Callable[[str], None]
"""Called before and after everything that a host does: whoever asked may be killed there."""


class Memory(Protocol):
    """What hosts have done, in order."""

    def once(self, host: str, deed: str) -> bool:
        """Note a deed unless it was done before; tell whether it was not."""
        ...

    def deeds(self, host: str) -> list[str]: ...


class DiskMemory:
    """A directory for each host and a file for each deed: it is made whole, or not at all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def once(self, host: str, deed: str) -> bool:
        place = self._directory / host
        place.mkdir(parents=True, exist_ok=True)
        draft = place / f".{os.getpid()} {deed}"
        draft.write_text(str(time.time_ns()))
        try:
            os.link(draft, place / deed)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def deeds(self, host: str) -> list[str]:
        place = self._directory / host
        files = [file for file in place.iterdir() if file.name[0] != "."] if place.exists() else []
        return [file.name for file in sorted(files, key=lambda file: int(file.read_text()))]


class ProcessMemory:
    """The same for as long as this process lives."""

    def __init__(self) -> None:
        self._deeds: defaultdict[str, list[str]] = defaultdict(list)

    def once(self, host: str, deed: str) -> bool:
        if deed in self._deeds[host]:
            return False
        self._deeds[host].append(deed)
        return True

    def deeds(self, host: str) -> list[str]:
        return self._deeds[host]


@dataclass(frozen=True)
class HostSession:
    """A connection to one of them."""

    host: str

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        raise NotImplementedError((script, arguments, stdin, timeout_seconds))


def _name(session: Session) -> str:
    assert isinstance(session, HostSession)
    return session.host


@dataclass
class FakeFleet:
    """Transport, package manager, collector and checks of hosts that do as they are told."""

    memory: Memory
    bad: frozenset[str] = frozenset()
    """Hosts whose upgrade fails."""
    rebooting: frozenset[str] = frozenset()
    """Hosts whose upgrade is effective only after a reboot."""
    seconds: float = 0
    """How long an upgrade takes."""
    fault: Fault = field(default=lambda _: None)
    begun: dict[str, float] = field(default_factory=dict)

    def tools(self, clock: Clock) -> Tools:
        return Tools(self, self, self, clock, settle_seconds=0)

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        return self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        yield HostSession(host.id)

    async def run(
        self, checks: Sequence[Check], host: Host, session: Session
    ) -> tuple[CheckResult, ...]:
        del checks, host, session
        return ()

    async def collect(self, session: Session, *, now: datetime) -> Facts:
        deeds = self.memory.deeds(_name(session))
        changes = [deed for deed in deeds if deed.startswith(("upgrade", "undo"))]
        version = NEW if changes and changes[-1].startswith("upgrade") else OLD
        boots = sum(deed.startswith("reboot") for deed in deeds)
        return replace(
            _FACTS, collected_at=now, boot_id=f"boot {boots}", packages=_PACKAGES[version]
        )

    async def start(self, session: Session, transaction: Transaction) -> None:
        name = _name(session)
        self.fault(f"before {name} starts")
        back = transaction.mode is TransactionMode.ROLL_BACK
        if self.memory.once(name, f"{'undo' if back else 'upgrade'} {transaction.id}"):
            self.begun[name] = time.monotonic()
        self.fault(f"after {name} started")

    async def status(self, session: Session, transaction: TransactionId) -> TransactionStatus:
        name = _name(session)
        deeds = self.memory.deeds(name)
        back = f"undo {transaction}" in deeds
        if f"upgrade {transaction}" not in deeds and not back:
            return TransactionStatus(TransactionState.ABSENT, "", "", ())
        if time.monotonic() - self.begun.get(name, 0) < self.seconds:
            return TransactionStatus(TransactionState.RUNNING, "install", "", (), starts=1)
        if name in self.bad and not back:
            return TransactionStatus(TransactionState.FAILED, "install", "it is bad", (), starts=1)
        reason = "libc" if name in self.rebooting and not back else ""
        return TransactionStatus(
            TransactionState.SUCCEEDED, "end", "", (), reboot_reason=reason, starts=1
        )

    async def reboot(self, session: Session, transaction: TransactionId) -> None:
        name = _name(session)
        self.fault(f"before {name} reboots")
        self.memory.once(name, f"reboot {transaction}")
        self.fault(f"after {name} rebooted")

    async def simulate(
        self, session: Session, access: SnapshotAccess, targets: tuple[Target, ...] | None
    ) -> Simulation:
        raise NotImplementedError

    async def repack(self, session: Session, targets: tuple[Target, ...]) -> tuple[bytes, ...]:
        raise NotImplementedError


_FACTS = Facts(
    collected_at=NOW,
    hostname="",
    machine_id="0f" * 16,
    boot_id="",
    architecture="amd64",
    distribution=Distribution("debian", "12", "bookworm", "Debian"),
    kernel=RunningKernel("6.1.0-28-amd64", "#1"),
    has_systemd=True,
    is_container=True,
    packages=(),
)
_PACKAGES = {
    version: (InstalledPackage("libssl3", version, "amd64", "openssl", version),)
    for version in (OLD, NEW)
}
MANIFEST = SnapshotManifest(
    "bookworm",
    "amd64",
    tuple(
        SnapshotPackage(
            "libssl3", version, "amd64", "openssl", version, WEB.changes[0].sha256, 1, 1,
            (Role.CANDIDATE, Role.INSTALLED), "here",
        )
        for version in (OLD, NEW)
    ),
    (),
)  # fmt: skip


def plan_for(hosts: Sequence[str], *, first_ring: int = 1, at_once: int = 2) -> Plan:
    """Return a plan in two rings, without soaking."""
    ids = tuple(HostId(host) for host in hosts)
    rings = (Ring("ring 1", ids[:first_ring], 0), Ring("ring 2", ids[first_ring:], 0))
    return replace(
        PLAN,
        snapshot=Snapshot(MANIFEST, NOW, 2).id,
        classes=(replace(WEB, hosts=ids),),
        rings=tuple(ring for ring in rings if ring.hosts),
        window=Window(None, None),
        budget=Budget(concurrency=at_once, max_failed=0),
        reboot_policy=RebootPolicy.WHEN_NEEDED,
        groups=(),
    )


def store(plan: Plan, begin: UnitOfWorkFactory, zones: dict[str, str] | None = None) -> None:
    """Store an approved plan, its snapshot and its hosts."""
    with begin() as work:
        for host in hosts_of(plan, zones or {}):
            work.hosts.add(host)
        work.commit()
    store_approved(plan, begin)


def hosts_of(plan: Plan, zones: dict[str, str]) -> Iterator[Host]:
    """Give the hosts of a plan, each in its zone."""
    for number, host in enumerate(plan.hosts):
        zone = zones.get(host)
        labels = (f"zone={zone}",) if zone else ()
        yield Host(host, host, f"host-{number}", 22, "root", "ssh-ed25519 AAAA", NOW, labels)


def store_approved(plan: Plan, begin: UnitOfWorkFactory) -> None:
    """Store an approved plan and its snapshot."""
    with begin() as work:
        work.snapshots.add(Snapshot(MANIFEST, NOW, 2))
        work.plans.add(plan)
        approval = Approval(
            plan.id, plan.digest, "ann", NOW, "",
            accepts_no_way_back=False, overrides_rehearsal=False,
        )  # fmt: skip
        work.plans.add_approval(approval)
        work.commit()


def assignments(plan: Plan, begin: UnitOfWorkFactory) -> dict[HostId, Assignment]:
    """Return what is to be done on each host of a stored plan."""
    with begin() as work:
        access = SnapshotAccess(plan.snapshot, "http://nowhere.invalid", "bookworm", "key")
        return assign_hosts(plan, access, (), work)
