"""The plan: what people read, approve by digest, rehearse and roll out."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from oakum.core.canonical import Json, digest_of
from oakum.core.errors import InputError
from oakum.core.ids import CveId, Digest, HostId, PlanId, SnapshotId
from oakum.core.planning.change import PackageChange, RollbackClass
from oakum.core.planning.clusters import SHOWN_DIFFERENCES, Cluster
from oakum.core.planning.hook import Hook
from oakum.core.planning.lane import LaneChoice, shortened_gates
from oakum.core.planning.metric import Measurement
from oakum.core.planning.openings import HostOpenings

PLAN_FORMAT = 2
"""1 had no base rate, groups or schedule; a stored plan keeps its format and its digest."""
MILLION = 1_000_000
BASE_RATE_PPM = 10_000


class RollbackVerdict(Enum):
    """Whether the plan can be undone, judged before anything is changed."""

    FULL = "full"
    """Every package can go back to its exact old version, and the bytes are at hand."""
    NEEDS_APPROVAL = "needs its own approval"
    """Some packages have no safe way back: they are named, and approved apart."""
    IMPOSSIBLE = "impossible"
    """An installed version is in no archive, cache or host: nothing may start."""


class RebootPolicy(Enum):
    """When a host may reboot in the course of the plan."""

    NEVER = "never"
    WHEN_NEEDED = "when-needed"


class RestartPolicy(Enum):
    """Whether services that still map old files are restarted."""

    NEVER = "never"
    AFFECTED = "affected"


@dataclass(frozen=True, slots=True)
class HostClass:
    """Hosts on which the plan does exactly the same, and which one twin can stand for."""

    name: str
    """`web-1`: a role or label and a number, for people."""
    hosts: tuple[HostId, ...]
    changes: tuple[PackageChange, ...]
    """Sorted by key."""
    restarts: tuple[str, ...]
    """Units expected to be restarted."""
    needs_reboot: bool
    reboot_reason: str
    download_bytes: int
    disk_bytes: int
    """Growth of the installed size; may be negative."""
    kept_back: tuple[tuple[str, str], ...] = ()
    """(name:architecture, reason) for every newer package that is not part of the plan."""
    conffile_prompts: tuple[str, ...] = ()
    """Configuration files where dpkg would ask; ours are kept, theirs laid beside them."""

    @property
    def digest(self) -> Digest:
        """Return the digest of the changes alone: what a host compares before it starts."""
        return digest_of([change.line() for change in self.changes])


@dataclass(frozen=True, slots=True)
class Ring:
    """Hosts that are changed together, before the next ones."""

    name: str
    hosts: tuple[HostId, ...]
    soak_seconds: int
    normal_soak_seconds: int | None = None
    """What the normal lane asks for; None in plans that were stored before there were lanes."""
    max_failed: int | None = None
    """Failed or unreachable hosts that this ring bears; None: what the whole rollout bears."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may go wrong, and how much may happen at once."""

    concurrency: int
    max_failed: int
    """Failed or unreachable hosts that are still borne, over the whole rollout."""
    base_rate_ppm: int = BASE_RATE_PPM
    """Hosts in a million that fail whatever is changed: more than chance makes of it stops."""

    def in_words(self) -> str:
        """Return it as people read it."""
        return (
            f"{self.concurrency} hosts at once, {self.max_failed} failed ones borne, "
            f"{100 * self.base_rate_ppm / MILLION:g} % taken for chance"
        )


class GroupKind(Enum):
    """Why hosts must not be changed together."""

    DOMAIN = "domain"
    """What fails together (a rack, a zone): hosts of two domains are never at work at once."""
    AVAILABILITY = "ha"
    """Hosts that stand in for each other."""
    QUORUM = "quorum"
    """Members that must keep a majority."""


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts of which only so many may be at work or down at once."""

    kind: GroupKind
    name: str
    limit: int
    hosts: tuple[HostId, ...]
    """Members that the plan changes, sorted."""


@dataclass(frozen=True, slots=True)
class Window:
    """When changes may start; both ends None means at any time, said openly in the plan."""

    opens_at: datetime | None
    closes_at: datetime | None

    def require_sense(self, now: datetime) -> None:
        """Raise InputError for a window in which nothing could ever start."""
        if self.closes_at is None:
            return
        if self.opens_at is not None and self.closes_at <= self.opens_at:
            raise InputError(
                f"the window closes at {self.closes_at}, before it opens at {self.opens_at}",
                hint="let it close later than it opens",
            )
        if self.is_over(now):
            raise InputError(
                f"the window closed at {self.closes_at}, and it is {now:%Y-%m-%d %H:%M} UTC now",
                hint="give a window that is to come; mind the time zone",
            )

    def contains(self, moment: datetime) -> bool:
        """Tell whether a change may start now."""
        after_opening = self.opens_at is None or self.opens_at <= moment
        before_closing = self.closes_at is None or moment < self.closes_at
        return after_opening and before_closing

    def in_words(self) -> str:
        """Return it as people read it, in UTC."""
        if self.opens_at is None and self.closes_at is None:
            return "at any time: no window is set"
        opens = f"{self.opens_at:%Y-%m-%d %H:%M} UTC" if self.opens_at else "now"
        closes = f"{self.closes_at:%Y-%m-%d %H:%M} UTC" if self.closes_at else "open end"
        return f"{opens} to {closes}"

    def is_over(self, moment: datetime) -> bool:
        """Tell whether no change may start any more."""
        return self.closes_at is not None and self.closes_at <= moment


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that approval binds to. Its id and digest follow from its content."""

    created_at: datetime
    created_by: str
    title: str
    snapshot: SnapshotId
    release: str
    classes: tuple[HostClass, ...]
    rings: tuple[Ring, ...]
    window: Window
    budget: Budget
    restart_policy: RestartPolicy
    reboot_policy: RebootPolicy
    rollback_verdict: RollbackVerdict
    rollback_reasons: tuple[str, ...]
    fixes: tuple[tuple[CveId, str], ...]
    """(CVE, source package) pairs that the plan closes somewhere, sorted."""
    risk_removed_ppm: int
    """Share of the fleet's removable risk, in parts per million."""
    predicted_seconds: int
    groups: tuple[Group, ...] = ()
    schedule: tuple[HostOpenings, ...] = ()
    """When hosts may begin, within the plan's window; those not in it at any time."""
    pace_percent: int = 100
    """How long hosts took in past rollouts, in percent of the first guess."""
    measurement: Measurement | None = None
    """By which metrics changed hosts are held against unchanged ones."""
    deadman_seconds: int = 0
    """How long a changed host waits to be confirmed before it goes back by itself; 0: for ever."""
    format: int = 1
    """What the digest is made of; plans that were stored without it are of the first."""
    clusters: tuple[Cluster, ...] = ()
    """Its hosts by environment, the largest cluster first; plans stored earlier have none."""
    lane: LaneChoice | None = None
    hooks: tuple[Hook, ...] = ()
    """In the order in which they are run; what is undone goes the other way round."""

    def to_json(self) -> Json:
        """Return the canonical form that the digest is made of."""
        document: dict[str, Json] = {
            "format": self.format,
            "created_at": self.created_at.isoformat(),
            "created_by": self.created_by,
            "title": self.title,
            "snapshot": self.snapshot,
            "release": self.release,
            "classes": [_class_json(host_class) for host_class in self.classes],
            "rings": [_ring_json(ring) for ring in self.rings],
            "window": {
                "opens_at": _moment(self.window.opens_at),
                "closes_at": _moment(self.window.closes_at),
            },
            "budget": {
                "concurrency": self.budget.concurrency,
                "max_failed": self.budget.max_failed,
            },
            "restart_policy": self.restart_policy.value,
            "reboot_policy": self.reboot_policy.value,
            "rollback_verdict": self.rollback_verdict.value,
            "rollback_reasons": list(self.rollback_reasons),
            "fixes": [list(pair) for pair in self.fixes],
            "risk_removed_ppm": self.risk_removed_ppm,
            "predicted_seconds": self.predicted_seconds,
        }
        # A plan of the first format that has any of these was tampered with: its digest must tell.
        is_newer = (self.groups, self.schedule, self.budget.base_rate_ppm, self.pace_percent) != (
            (), (), BASE_RATE_PPM, 100,
        )  # fmt: skip
        if self.format > 1 or is_newer:
            document["pace_percent"] = self.pace_percent
            document["base_rate_ppm"] = self.budget.base_rate_ppm
            document["groups"] = [_group_json(group) for group in self.groups]
            document["schedule"] = [_openings_json(openings) for openings in self.schedule]
        if self.measurement is not None:
            document["measurement"] = self.measurement.to_json()
        if self.clusters:
            uncovered = set(self.uncovered)
            document["clusters"] = [_cluster_json(c, c not in uncovered) for c in self.clusters]
        if self.lane is not None:
            document["lane"] = self.lane.to_json()
        if self.hooks:
            document["hooks"] = [hook.to_json() for hook in self.hooks]
        if self.deadman_seconds:
            document["deadman_seconds"] = self.deadman_seconds
        return document

    @property
    def digest(self) -> Digest:
        """Return what people approve."""
        return digest_of(self.to_json())

    @property
    def id(self) -> PlanId:
        """Return the short name, the head of the digest."""
        return PlanId(f"plan-{self.digest[:12]}")

    @property
    def hosts(self) -> tuple[HostId, ...]:
        """Return every host in the order of the rings."""
        return tuple(host for ring in self.rings for host in ring.hosts)

    @property
    def uncovered(self) -> tuple[Cluster, ...]:
        """Return the clusters of which the first ring has no host: what stays of the risk."""
        first = set(self.rings[0].hosts) if self.rings else set[HostId]()
        return tuple(cluster for cluster in self.clusters if first.isdisjoint(cluster.hosts))

    def caveats(self) -> dict[str, Json]:
        """Return, for the audit log, where its gates are less than they could be."""
        return {
            "lane": None if self.lane is None else self.lane.to_json(),
            "late": self.lane is not None and self.lane.is_late,
            "shortened": list(shortened_gates(self.rings)),
            "uncovered": [cluster.in_words(SHOWN_DIFFERENCES) for cluster in self.uncovered],
        }

    def class_of(self, host: HostId) -> HostClass:
        """Return the class that a host of this plan belongs to."""
        return next(found for found in self.classes if host in found.hosts)

    def worst_rollback_classes(self) -> tuple[RollbackClass, ...]:
        """Return the rollback classes that occur, sorted from A to F."""
        found = {change.rollback_class for c in self.classes for change in c.changes}
        return tuple(sorted(found, key=lambda rollback_class: rollback_class.value))


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _ring_json(ring: Ring) -> Json:
    document: dict[str, Json] = {
        "name": ring.name,
        "hosts": list(ring.hosts),
        "soak": ring.soak_seconds,
    }
    if ring.normal_soak_seconds is not None:
        document["normal_soak"] = ring.normal_soak_seconds
    if ring.max_failed is not None:
        document["max_failed"] = ring.max_failed
    return document


def _cluster_json(cluster: Cluster, is_covered: bool) -> Json:  # noqa: FBT001 (a column)
    return {
        "differs": [list(pair) for pair in cluster.differs],
        "hosts": list(cluster.hosts),
        "covered": is_covered,
    }


def _group_json(group: Group) -> Json:
    return {
        "kind": group.kind.value,
        "name": group.name,
        "limit": group.limit,
        "hosts": list(group.hosts),
    }


def _openings_json(openings: HostOpenings) -> Json:
    return {
        "windows": list(openings.windows),
        "openings": [[o.opens_at.isoformat(), o.closes_at.isoformat()] for o in openings.openings],
        "hosts": list(openings.hosts),
    }


def _class_json(host_class: HostClass) -> Json:
    return {
        "name": host_class.name,
        "hosts": list(host_class.hosts),
        "changes": [change.to_json() for change in host_class.changes],
        "restarts": list(host_class.restarts),
        "needs_reboot": host_class.needs_reboot,
        "reboot_reason": host_class.reboot_reason,
        "download_bytes": host_class.download_bytes,
        "disk_bytes": host_class.disk_bytes,
        "kept_back": [list(pair) for pair in host_class.kept_back],
        "conffile_prompts": list(host_class.conffile_prompts),
    }
