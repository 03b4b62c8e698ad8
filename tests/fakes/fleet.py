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
from oakum.core.inventory.facts import Facts, IndexReading, RunningKernel
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.metric import Measurement, Metric, MetricKind, Worse
from oakum.core.planning.plan import Budget, Plan, RebootPolicy, Ring, Window
from oakum.core.repositories.snapshot import Role, Snapshot, SnapshotManifest, SnapshotPackage
from oakum.core.rollout.hooks import HookStatus, Progress
from oakum.core.rollout.measuring import Reading
from oakum.core.rollout.transaction import DeadmanState, TransactionState, TransactionStatus
from oakum.core.staging.check import Check, CheckResult
from oakum.core.staging.vitals import VitalQuestions, Vitals
from oakum.ports.clock import Clock
from oakum.ports.hooks import HookJob, HookRunners
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


@dataclass(frozen=True)
class FakeMetrics:
    """Numbers of hosts, as they were told."""

    numbers: Callable[[str, str], float | None]

    async def read(
        self, metrics: Sequence[Metric], host: Host, session: Session
    ) -> tuple[Reading, ...]:
        del session
        return tuple(Reading(m.name, self.numbers(host.id, m.name), "is silent") for m in metrics)


@dataclass
class FakeFleet:
    """Transport, package manager, collector and checks of hosts that do as they are told."""

    memory: Memory
    bad: frozenset[str] = frozenset()
    """Hosts whose upgrade fails."""
    rebooting: frozenset[str] = frozenset()
    """Hosts whose upgrade is effective only after a reboot."""
    impatient: frozenset[str] = frozenset()
    """Hosts that go back by themselves before anybody can confirm them."""
    seconds: float = 0
    """How long an upgrade takes."""
    fault: Fault = field(default=lambda _: None)
    begun: dict[str, float] = field(default_factory=dict)
    numbers: Callable[[str, str], float | None] = field(default=lambda *_: None)
    """What a host answers for a metric."""

    failing_hooks: frozenset[str] = frozenset()
    """Names of hosts whose hooks fail."""
    record: str = "here"
    """Where the records of hooks on the controller are: another machine has others."""

    def tools(self, clock: Clock) -> Tools:
        hooks = HookRunners(FakeHooks(self, ""), FakeHooks(self, self.record))
        metrics = FakeMetrics(self.numbers)
        return Tools(self, self, self, metrics, clock, self, settle_seconds=0, hooks=hooks)

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

    async def look(self, questions: VitalQuestions, session: Session) -> Vitals:
        del questions, session
        return Vitals()

    async def collect(
        self, session: Session, *, now: datetime, last: IndexReading | None = None
    ) -> Facts:
        del last
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
        if name in self.impatient and not back:
            self.memory.once(name, f"undo {transaction}.undo")
        reason = "libc" if name in self.rebooting and not back else ""
        return TransactionStatus(
            TransactionState.SUCCEEDED,
            "end",
            "",
            (),
            reboot_reason=reason,
            starts=1,
            deadman=self._decided(deeds, transaction),
            begun_by_host="nobody confirmed" if name in self.impatient and back else "",
        )

    def _decided(self, deeds: list[str], transaction: TransactionId) -> DeadmanState:
        if f"undo {transaction}.undo" in deeds:
            return DeadmanState.FIRED
        is_confirmed = f"confirm {transaction}" in deeds
        return DeadmanState.CONFIRMED if is_confirmed else DeadmanState.ARMED

    async def confirm(self, session: Session, transaction: TransactionId) -> DeadmanState:
        name = _name(session)
        self.fault(f"before {name} is confirmed")
        self.memory.once(name, f"confirm {transaction}")
        self.fault(f"after {name} was confirmed")
        return self._decided(self.memory.deeds(name), transaction)

    async def conffile_diffs(self, session: Session, transaction: TransactionId) -> str:
        raise NotImplementedError

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


@dataclass(frozen=True)
class FakeHooks:
    """Hooks of such hosts, in one place; the record is the deed itself."""

    fleet: FakeFleet
    record: str

    async def start(self, session: Session | None, job: HookJob) -> None:
        assert (session is not None) or self.record
        name, deed = self._deed(job)
        self.fleet.fault(f"before {deed}")
        self.fleet.memory.once(name, deed)
        self.fleet.fault(f"after {deed}")

    async def status(self, session: Session | None, job: HookJob) -> HookStatus:
        assert (session is not None) or self.record
        name, deed = self._deed(job)
        if deed not in self.fleet.memory.deeds(name):
            return HookStatus(Progress.ABSENT)
        fails = name in self.fleet.failing_hooks and not job.id.endswith(".undo")
        return HookStatus(Progress.ENDED, 3 if fails else 0, 1, "said")

    def _deed(self, job: HookJob) -> tuple[str, str]:
        """Return the host and what is done: on the controller, by which one it was done."""
        by = f" by {self.record}" if self.record else ""
        return dict(job.environment)["OAKUM_HOST"], f"{job.id.partition('.hook-')[2]}{by}"


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


def facts_of(host: str) -> Facts:
    """Return what a host reports that was not changed yet."""
    return replace(_FACTS, hostname=host, packages=_PACKAGES[OLD])


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


def measured(plan: Plan, *, is_required: bool = True) -> Plan:
    """Return the plan with a metric that is read twice before a ring is changed, without pause."""
    metric = Metric(
        "latency", MetricKind.COMMAND, "latency", Worse.HIGHER, is_required=is_required,
        timeout_seconds=5, source="", alike=(plan.hosts,),
    )  # fmt: skip
    rings = tuple(replace(ring, soak_seconds=1) for ring in plan.rings)
    return replace(plan, rings=rings, measurement=Measurement((metric,), 0, 2))


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
        measurement=None,
        clusters=(),
        hooks=(),
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
