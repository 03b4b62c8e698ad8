"""What is kept, one Protocol a noun, and the unit of work that keeps it all or none of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, TypeVar

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.audit.event import Action, AuditEvent
from oakum.core.canonical import Json
from oakum.core.ids import CveId, Digest, HostId, HostRunId, PlanId, RolloutId, SnapshotId
from oakum.core.inventory.facts import Facts, IndexReading
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.inventory.support import ReleaseSupport, Supported
from oakum.core.matching.component import Component, Topic
from oakum.core.matching.coverage import Outline
from oakum.core.matching.fleet import Holding, HostSet
from oakum.core.orders.order import OrderSignature
from oakum.core.planning.plan import Plan
from oakum.core.repositories.snapshot import Snapshot
from oakum.core.risk.exceptions import RiskException
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase
from oakum.core.staging.rehearsal import Rehearsal
from oakum.ports.deliveries import DeliveryStore

T = TypeVar("T")


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

    def these(self, wanted: Collection[HostId]) -> dict[HostId, Host]:
        """Return those of these hosts that are there."""
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


@dataclass(frozen=True, slots=True)
class Scan:
    """What was true of a host from one moment until its next scan that found something else."""

    host: HostId
    since: datetime
    last_seen: datetime
    """The last scan that found the same."""
    components: tuple[Component, ...]
    packages: tuple[InstalledPackage, ...]
    facts: Facts | None
    """All that the last scan brought; None for what is long past."""


class FactsStore(Protocol):
    """What hosts reported. Package versions are interned; a host points at a package set."""

    def save(self, host: HostId, facts: Facts) -> None: ...

    def save_failure(self, failure: ScanFailure) -> None: ...

    def latest(self, host: HostId) -> Facts | None: ...

    def latest_of(self, hosts: Iterable[HostId]) -> Mapping[HostId, Facts]:
        """Return the newest facts of those of these hosts that have some."""
        ...

    def index_reading(self, host: HostId) -> IndexReading | None:
        """Return what a host's package indices said when it was last scanned."""
        ...

    def outlines(self) -> Mapping[HostId, Outline]:
        """Return what of every scanned host decides how much of it can be judged."""
        ...

    def last_seen(self) -> Mapping[HostId, datetime]:
        """Return when each scanned host last answered."""
        ...

    def scanned(self, as_of: datetime | None = None) -> frozenset[HostId]:
        """Return the hosts that have facts, or had them at a moment."""
        ...

    def scans(self, hosts: Iterable[HostId], as_of: datetime | None = None) -> tuple[Scan, ...]:
        """Return what is true of each host, or what was at a moment; by host."""
        ...

    def timeline(self, hosts: Iterable[HostId]) -> tuple[Scan, ...]:
        """Return all that was ever true of these hosts, by host, oldest first."""
        ...

    def failures(self) -> Mapping[HostId, ScanFailure]:
        """Return the hosts whose last scan failed; their facts, if any, are older than that."""
        ...


class FleetStore(Protocol):
    """The whole fleet by what it has, as bitmaps of hosts."""

    def numbers(self, chosen: Iterable[HostId] | None = None) -> Mapping[int, HostId]:
        """Return the hosts by the numbers that bitmaps know them by."""
        ...

    def members(self, chosen: Iterable[HostId] | None = None) -> HostSet:
        """Return these hosts, or all that are there, by their numbers."""
        ...

    def holdings(
        self, topics: Iterable[Topic] | None = None
    ) -> Mapping[Component, tuple[Holding, ...]]:
        """Return who has which component, of these packages or of all.

        Hosts that were removed may still be in the bitmaps; `members` has those that are there.
        """
        ...


class AdvisoryStore(Protocol):
    """What vendors and public lists say. A feed is replaced as a whole or not at all."""

    def replace_statements(
        self, state: FeedState, statements: Iterable[VendorStatement], at: datetime
    ) -> int:
        """Make this all that a feed says from now on; return how many statements changed."""
        ...

    def replace_signals(self, state: FeedState, signals: Iterable[CveSignals]) -> None:
        """Replace what this feed contributes to the signals of each CVE; other feeds' stay."""
        ...

    def replace_support(self, state: FeedState, support: Iterable[ReleaseSupport]) -> None:
        """Make this all that is known of how long releases get fixes."""
        ...

    def support(self) -> Supported:
        """Return until when releases get fixes, as a feed tells; empty where none was read."""
        ...

    def statements(
        self, topics: Iterable[Topic], as_of: datetime | None = None, cve: CveId | None = None
    ) -> tuple[VendorStatement, ...]:
        """Return what is said of these packages, now or at a moment; of all CVEs or of one."""
        ...

    def rulings(self, topics: Collection[Topic]) -> Mapping[Topic, tuple[VendorStatement, ...]]:
        """Return what counts now about these packages, of all that is said of them."""
        ...

    def changes(self, cve: CveId) -> tuple[datetime, ...]:
        """Return the moments from which something else was said of a CVE, in order."""
        ...

    def covered(self) -> Mapping[str, frozenset[str]]:
        """Return the packages that feeds name which speak for a whole release, by release."""
        ...

    def signals(self, cves: Iterable[CveId]) -> Mapping[CveId, CveSignals]: ...

    def feeds(self) -> Mapping[FeedName, FeedState]: ...

    def record_failure(self, feed: FeedName, error: str) -> None: ...


class ExceptionStore(Protocol):
    """Decisions not to patch something for a while, also those that have run out."""

    def add(self, exception: RiskException) -> None: ...

    def get(self, name: str) -> RiskException:
        """Raise NotFoundError when there is none of this name."""
        ...

    def all(self) -> tuple[RiskException, ...]:
        """Return them oldest first."""
        ...

    def remove(self, name: str) -> None: ...


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
    signature: OrderSignature | None = None
    """Of the plan's order; without it no prepared host counts this approval."""
    accepts_uncovered: bool = False
    """Environments of which the first ring has no host were accepted."""


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


@dataclass(frozen=True, slots=True)
class SeenRollout:
    """A rollout as it stood, and what tells whether it has changed since."""

    rollout: Rollout
    revision: int
    """Of the rollout itself."""
    horizon: int
    """Host runs of this number or a higher one may have changed."""


@dataclass(frozen=True, slots=True)
class RolloutOutline:
    """How a rollout stands, without its host runs."""

    id: RolloutId
    plan: PlanId
    phase: Phase
    reason: str
    started_at: datetime
    hosts: int
    """How many are in it."""


class RolloutStore(Protocol):
    """Rollouts, their host runs, and who may act on them."""

    def save(self, rollout: Rollout, before: Rollout | None = None) -> None:
        """Write the new state of the rollout and its host runs.

        Given what was read in the same unit of work, only the runs that are others are written.
        Raises StorageContendedError when one of them is not what it was then: whoever drives it
        came in between.
        """
        ...

    def save_run(self, rollout: RolloutId, run: HostRun) -> None:
        """Write one host run of a rollout that is there."""
        ...

    def get(self, id_or_prefix: str) -> Rollout: ...

    def look(self, rollout: RolloutId, seen: SeenRollout | None = None) -> SeenRollout:
        """Return a rollout as it stands; of what was seen already, only changes are read."""
        ...

    def run(self, host_run: HostRunId) -> HostRun | None:
        """Return one host run."""
        ...

    def hold_run(self, host_run: HostRunId) -> HostRun | None:
        """Return one host run, which nobody else changes until the unit of work ends."""
        ...

    def outlines(self) -> tuple[RolloutOutline, ...]:
        """Return how every rollout stands, oldest first; host runs are counted, and not read."""
        ...

    def newest(self, count: int) -> Iterator[Rollout]:
        """Give the newest rollouts, newest first; each is read when its turn comes."""
        ...

    def of_plan(self, plan: PlanId) -> tuple[Rollout, ...]:
        """Return the rollouts of a plan, oldest first."""
        ...

    def count_of(self, plan: PlanId) -> int:
        """Return how many rollouts of a plan there are."""
        ...

    def runs_of(self, host: HostId) -> Iterator[tuple[RolloutId, HostRun]]:
        """Give a host's runs with their rollouts, newest first."""
        ...

    def unfinished(self) -> tuple[Rollout, ...]:
        """Return the rollouts that have not ended, oldest first; those that have are not read."""
        ...

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
    ) -> None:
        """Have an event recorded when the unit of work is committed, after those before it."""
        ...

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
    fleet: FleetStore
    exceptions: ExceptionStore
    snapshots: SnapshotRecords
    plans: PlanStore
    rollouts: RolloutStore
    deliveries: DeliveryStore
    audit: AuditLog

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def commit(self) -> None: ...

    def driver_connection(self) -> object:
        """Return the database driver's own connection, for what writes in this transaction too."""
        ...


class Writer(Protocol):
    """Stores for many tasks at once, in as few transactions as that takes."""

    async def do(self, act: Callable[[UnitOfWork], T]) -> T:
        """Do an act in a unit of work that others may share; return when it is committed.

        An act may be done again where its first transaction came to nothing.
        """
        ...


class UnitOfWorkFactory(Protocol):
    """Begins a unit of work."""

    def __call__(self) -> UnitOfWork: ...
