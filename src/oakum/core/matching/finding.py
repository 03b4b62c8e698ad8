"""A finding: one CVE in one source package on one host, with its state and its evidence."""

from dataclasses import dataclass
from enum import Enum

from oakum.core.advisories.statement import NoDsaReason, Urgency
from oakum.core.ids import CveId, HostId


class FindingState(Enum):
    """What is true of the host. Only NOT_AFFECTED and FIXED are good news."""

    AFFECTED_FIX_AVAILABLE = "affected, fix available"
    AFFECTED_NO_FIX = "affected, no fix"
    EXPOSED_IN_MEMORY = "fixed on disk, exposed in memory"
    AWAITING_REBOOT = "fixed on disk, awaiting reboot"
    FIXED_ON_DISK = "fixed on disk, memory not seen"
    """No good news, and nothing to patch: what processes still run could not be read."""
    NOT_AFFECTED = "not affected"
    FIXED = "fixed"
    UNKNOWN = "unknown"

    @property
    def is_open(self) -> bool:
        """Tell whether something of this finding is still to be done or to be found out.

        For FIXED_ON_DISK that is something of the whole host, which `coverage` names once.
        """
        return self not in (
            FindingState.NOT_AFFECTED,
            FindingState.FIXED,
            FindingState.FIXED_ON_DISK,
        )


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
