"""A finding: one CVE in one source package on one host, with its state and its evidence."""

from dataclasses import dataclass, field
from datetime import date

from oakum.core.advisories.statement import NoDsaReason, Urgency
from oakum.core.choice import Choice
from oakum.core.ids import CveId, HostId


class FindingState(Choice):
    """What is true of the host. Only NOT_AFFECTED and FIXED are good news."""

    AFFECTED_FIX_AVAILABLE = "affected, fix available"
    AFFECTED_NEEDS_SUBSCRIPTION = "affected, fix needs a subscription"
    AFFECTED_NO_FIX = "affected, no fix"
    EXPOSED_IN_MEMORY = "fixed on disk, exposed in memory"
    AWAITING_REBOOT = "fixed on disk, awaiting reboot"
    FIXED_ON_DISK = "fixed on disk, memory not seen"
    """No good news, and nothing to patch: what processes still run could not be read."""
    LIVEPATCHED = "mitigated by livepatch"
    """The running kernel is old, and a loaded patch mends it until the next reboot."""
    NOT_AFFECTED = "not affected"
    FIXED = "fixed"
    UNKNOWN = "unknown"

    @property
    def is_open(self) -> bool:
        """Tell whether something of this finding is still to be done or to be found out.

        For FIXED_ON_DISK that is something of the whole host, which `coverage` names once; for
        LIVEPATCHED there is nothing to do before the next upgrade of the kernel.
        """
        return self not in (
            FindingState.NOT_AFFECTED,
            FindingState.FIXED,
            FindingState.FIXED_ON_DISK,
            FindingState.LIVEPATCHED,
        )


BAD_NEWS_FIRST = (
    FindingState.AFFECTED_FIX_AVAILABLE,
    FindingState.AFFECTED_NEEDS_SUBSCRIPTION,
    FindingState.AFFECTED_NO_FIX,
    FindingState.AWAITING_REBOOT,
    FindingState.EXPOSED_IN_MEMORY,
    FindingState.UNKNOWN,
    FindingState.LIVEPATCHED,
    FindingState.FIXED_ON_DISK,
    FindingState.FIXED,
    FindingState.NOT_AFFECTED,
)
"""Which state counts where a host has a package in two versions: the worst."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a finding says what it says: enough to repeat the comparison by hand."""

    installed_version: str
    """The source version that was compared: for a running kernel, the booted one."""
    fixed_version: str
    rule: str
    """The comparison in words: `3.0.20-1 < 3.0.22-1 by dpkg's order`."""
    feed: str
    feed_as_of: str
    """ISO 8601 date of the feed's data."""
    packages: tuple[str, ...] = ()
    """The binary packages of this source on the host, `name:architecture version`."""
    processes: tuple[str, ...] = ()
    """Processes that still map the old files, `pid command unit path`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Identity is (host, source package, CVE); the rest follows from inventory and advisories."""

    host: HostId
    source_name: str
    cve: CveId
    state: FindingState
    evidence: Evidence
    urgency: Urgency = Urgency.NOT_YET_ASSIGNED
    no_dsa: NoDsaReason = NoDsaReason.NONE
    known_since: date | None = field(default=None, compare=False)
    """When we first knew the fix; None for what was never stored."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the stable identity."""
        return (self.host, self.source_name, self.cve)

    @property
    def is_to_patch(self) -> bool:
        """Tell whether a patch is there and the vendor thinks that it matters."""
        return self.state is FindingState.AFFECTED_FIX_AVAILABLE and not self.is_minor

    @property
    def is_minor(self) -> bool:
        """Tell whether the vendor calls it unimportant: kept, and not shown unless asked for."""
        return self.urgency is Urgency.UNIMPORTANT
