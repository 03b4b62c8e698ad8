"""What a distribution says about one CVE in one source package of one release."""

from dataclasses import dataclass
from datetime import date
from enum import Enum

from oakum.core.ids import CveId


class VendorStatus(Enum):
    """The vendor's answer (Debian tracker `status`, with its `fixed_version` of `0` told apart)."""

    FIXED = "fixed"
    OPEN = "open"
    NOT_AFFECTED = "not affected"
    UNDETERMINED = "undetermined"


class Urgency(Enum):
    """Debian's urgency words."""

    NOT_YET_ASSIGNED = "not yet assigned"
    UNIMPORTANT = "unimportant"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    END_OF_LIFE = "end-of-life"


class NoDsaReason(Enum):
    """Why Debian makes no advisory for an open issue."""

    NONE = ""
    NO_DSA = "no-dsa"
    POSTPONED = "postponed"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class VendorStatement:
    """One row of a vendor's tracker. Versions are source versions."""

    release: str
    """Codename: `bookworm`."""
    source_name: str
    cve: CveId
    status: VendorStatus
    fixed_version: str = ""
    """Empty unless the status is FIXED."""
    urgency: Urgency = Urgency.NOT_YET_ASSIGNED
    no_dsa: NoDsaReason = NoDsaReason.NONE
    source: str = "debian-tracker"
    """The feed that said so."""
    advisory: str = ""
    """`DSA-6458-1`; empty where the source has no advisories."""
    issued_on: date | None = None
    """When the advisory was issued."""
