"""What a distribution says about one CVE in one package of one release."""

from dataclasses import dataclass, field, fields
from datetime import date
from enum import Enum

from oakum.core.choice import Choice
from oakum.core.ids import CveId


class VendorStatus(Choice):
    """The vendor's answer (Debian tracker `status`, with its `fixed_version` of `0` told apart)."""

    FIXED = "fixed"
    FIXED_IN_UNSTABLE = "fixed in unstable"
    """Nothing is said of the release itself: what has that version is fixed, what has a lower one
    is affected, and no fix of the release's own is named."""
    OPEN = "open"
    NOT_AFFECTED = "not affected"
    UNDETERMINED = "undetermined"


class Urgency(Choice):
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


OF_SOURCE = "source:"
"""Begins the name where a vendor of rpm packages speaks of a source package as a whole."""


Subject = tuple[str, str, str, str, str]
"""(release, package, CVE, channel, module): what one feed makes one statement on."""


@dataclass(frozen=True, slots=True)
class VendorStatement:
    """One row of a vendor's tracker, VEX or advisory."""

    release: str
    """As `Distribution.release` names it: `bookworm`, `almalinux:9`."""
    source_name: str
    """What the vendor's data is keyed by, and its versions are of: the source package where
    packages are deb or apk, the binary package where they are rpm, or OF_SOURCE and its source."""
    cve: CveId
    status: VendorStatus
    fixed_version: str = ""
    """Empty unless the status is FIXED, or FIXED_IN_UNSTABLE."""
    urgency: Urgency = Urgency.NOT_YET_ASSIGNED
    no_dsa: NoDsaReason = NoDsaReason.NONE
    source: str = "debian-tracker"
    """The feed that said so."""
    channel: str = ""
    """Where the fix comes from, if only subscribers get it: `esm-apps`."""
    module: str = ""
    """The stream of the rpm module that is spoken of, `nodejs:18`; where the vendor's data has no
    stream, the version that it follows from: `nodejs:18.14.2`. Empty for what is in no module."""
    advisory: str = ""
    """`DSA-6458-1`; empty where the source has no advisories."""
    issued_on: date | None = None
    """When the advisory was issued."""
    known_since: date | None = field(default=None, compare=False)
    """When we first knew this fix; None for what was not stored."""

    @property
    def subject(self) -> Subject:
        """Return what the statement is on."""
        return (self.release, self.source_name, self.cve, self.channel, self.module)


def stated(statement: VendorStatement) -> dict[str, object]:
    """Return what of a statement is not at its default: of the many that are kept, little."""
    return {
        name: value
        for name, default in DEFAULTS.items()
        if (value := getattr(statement, name)) is not default and value != default
    }


DEFAULTS = {field.name: field.default for field in fields(VendorStatement)}
"""MISSING for what has none: it is always written."""
