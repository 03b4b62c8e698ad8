"""What is kept, one Protocol a noun, and the unit of work that keeps it all or none of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Protocol, Self

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.audit.event import Action, AuditEvent
from oakum.core.canonical import Json
from oakum.core.ids import CveId, Digest, HostId, PlanId, RolloutId, SnapshotId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Finding
from oakum.core.planning.plan import Plan
from oakum.core.repositories.snapshot import Snapshot
from oakum.core.rollout.rollout import Rollout
from oakum.core.staging.rehearsal import Rehearsal


class HostStore(Protocol):
    """The fleet."""

    def add(self, host: Host) -> None:
        """Raise ConflictError when the name or the address and port are taken."""
        ...

    def update(self, host: Host) -> None: ...

    def remove(self, host: HostId) -> None: ...

    def get(self, host: HostId) -> Host:
        """Raise NotFoundError when it was removed."""
        ...

    def named(self, name: str) -> Host:
        """Return the host of exactly this name; NotFoundError has the nearest in its hint."""
        ...

    def all(self) -> tuple[Host, ...]:
        """Return every host, by name."""
        ...


@dataclass(frozen=True, slots=True)
class ScanFailure:
    """Why the last question to a host got no answer."""

    host: HostId
    at: datetime
    reason: str
    hint: str


class FactsStore(Protocol):
    """What hosts reported. Package versions are interned; a host points at a package set."""

    def save(self, host: HostId, facts: Facts) -> None: ...

    def save_failure(self, failure: ScanFailure) -> None: ...

    def latest(self, host: HostId) -> Facts | None: ...

    def all_latest(self) -> Mapping[HostId, Facts]: ...

    def earlier(self, host: HostId) -> tuple[Facts, ...]:
        """Return what is kept of a host's scans before the latest, newest first."""
        ...

    def failures(self) -> Mapping[HostId, ScanFailure]:
        """Return the hosts whose last scan failed; their facts, if any, are older than that."""
        ...


class AdvisoryStore(Protocol):
    """What vendors and public lists say. A feed is replaced as a whole or not at all."""

    def replace_statements(
        self, state: FeedState, statements: Iterable[VendorStatement]
    ) -> None: ...

    def replace_signals(self, state: FeedState, signals: Iterable[CveSignals]) -> None:
        """Replace what this feed contributes to the signals of each CVE; other feeds' stay."""
        ...

    def statements(self, release: str, sources: Iterable[str]) -> tuple[VendorStatement, ...]: ...

    def covered(self) -> Mapping[str, frozenset[str]]:
        """Return the sources that the tracker names in each release: of others nothing is known."""
        ...

    def signals(self, cves: Iterable[CveId]) -> Mapping[CveId, CveSignals]: ...

    def feeds(self) -> Mapping[FeedName, FeedState]: ...

    def record_failure(self, feed: FeedName, error: str) -> None: ...


class FindingStore(Protocol):
    """Findings with their history: a finding that changes keeps its earlier states."""

    def replace(self, host: HostId, findings: Sequence[Finding], at: datetime) -> int:
        """Store what is true now; return how many findings changed. Repeating changes none."""
        ...

    def of(self, hosts: Iterable[HostId], as_of: datetime | None = None) -> tuple[Finding, ...]:
        """Return what is true of these hosts now, or what was known to be true at a moment."""
        ...

    def first_seen(self, hosts: Iterable[HostId]) -> Mapping[tuple[str, str, str], date]:
        """Return when each present finding first had the state that it has now."""
        ...

    def history(self, host: HostId, cve: CveId) -> tuple[tuple[datetime, Finding], ...]: ...


class SnapshotRecords(Protocol):
    """Which snapshots exist; their bytes are in the SnapshotStore."""

    def add(self, snapshot: Snapshot) -> None: ...

    def get(self, id_or_prefix: str) -> Snapshot: ...

    def all(self) -> tuple[Snapshot, ...]: ...

    def remove(self, snapshot: SnapshotId) -> None: ...


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word for one digest."""

    plan: PlanId
    digest: Digest
    by: str
    at: datetime
    reason: str
    accepts_no_way_back: bool
    overrides_rehearsal: bool


class PlanStore(Protocol):
    """Plans, the evidence of their rehearsals, and their approvals."""

    def add(self, plan: Plan) -> None: ...

    def ids(self) -> tuple[PlanId, ...]:
        """Return the id of every plan, oldest first: also of one that can no longer be read."""
        ...

    def get(self, id_or_prefix: str) -> Plan:
        """Raise StorageError for a plan that is not what its id says."""
        ...

    def all(self) -> tuple[Plan, ...]: ...

    def add_rehearsal(self, rehearsal: Rehearsal) -> None: ...

    def rehearsals(self, plan: PlanId) -> tuple[Rehearsal, ...]:
        """Return them oldest first."""
        ...

    def add_approval(self, approval: Approval) -> None: ...

    def approvals(self, plan: PlanId) -> tuple[Approval, ...]: ...


class RolloutStore(Protocol):
    """Rollouts, their host runs, and who may act on them."""

    def save(self, rollout: Rollout) -> None:
        """Write the whole new state of the rollout and its host runs."""
        ...

    def get(self, id_or_prefix: str) -> Rollout: ...

    def all(self) -> tuple[Rollout, ...]: ...

    def take_lease(
        self, rollout: RolloutId, holder: str, *, now: datetime, until: datetime
    ) -> int | None:
        """Become the one controller that acts; return the epoch, or None while another may.

        The present holder renews with the same call, and keeps its epoch.
        """
        ...

    def release_lease(self, rollout: RolloutId, holder: str) -> None: ...


class AuditLog(Protocol):
    """The append-only chain."""

    def append(
        self, *, at: datetime, actor: str, action: Action, subject: str, details: Json
    ) -> AuditEvent: ...

    def events(self, *, subject: str | None = None) -> tuple[AuditEvent, ...]: ...

    def verify(self) -> tuple[int, str | None]:
        """Return how many links hold, and what is wrong with the next one, if anything."""
        ...

    def head(self) -> Digest: ...


class UnitOfWork(Protocol):
    """One transaction over all stores: leaving it without commit() changes nothing."""

    hosts: HostStore
    facts: FactsStore
    advisories: AdvisoryStore
    findings: FindingStore
    snapshots: SnapshotRecords
    plans: PlanStore
    rollouts: RolloutStore
    audit: AuditLog

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def commit(self) -> None: ...


class UnitOfWorkFactory(Protocol):
    """Begins a unit of work."""

    def __call__(self) -> UnitOfWork: ...
