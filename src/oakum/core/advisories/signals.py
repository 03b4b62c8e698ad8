"""Signals about a CVE that hold for every distribution: exploited, likely, severe, automatable."""

from dataclasses import dataclass, fields, replace
from datetime import date
from enum import Enum

from oakum.core.choice import Choice
from oakum.core.ids import CveId


class Exploitation(Choice):
    """SSVC `Exploitation`."""

    NONE = "none"
    POC = "poc"
    ACTIVE = "active"


class TechnicalImpact(Choice):
    """SSVC `Technical Impact`."""

    PARTIAL = "partial"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class KevEntry:
    """A row of CISA's catalogue of known exploited vulnerabilities."""

    cve: CveId
    added_on: date
    due_on: date | None
    is_used_by_ransomware: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class EpssScore:
    """FIRST's probability of exploitation within 30 days, in millionths, with its date."""

    cve: CveId
    probability_ppm: int
    """Parts per million, 0 to 1,000,000: whole, so that it can be signed and compared exactly."""


@dataclass(frozen=True, slots=True)
class CvssScore:
    """A CVSS vector with the score it gives and who gave it."""

    vector: str
    base_tenths: int
    """Base score times ten: 98 is 9.8."""
    source: str
    """`cna`, `cisa-adp`, `nvd` …"""


@dataclass(frozen=True, slots=True)
class SsvcDecisionPoints:
    """CISA's SSVC decision points from the CVE record's ADP container."""

    exploitation: Exploitation
    automatable: bool
    technical_impact: TechnicalImpact


class Reservation(Enum):
    """What is held against a CVE itself."""

    DISPUTED = "disputed"
    """Somebody concerned says that it is no vulnerability."""
    REJECTED = "rejected"
    """Its CNA took it back."""


@dataclass(frozen=True, slots=True)
class CveSignals:
    """All that is known about one CVE outside any distribution. Absent is None, never a default."""

    cve: CveId
    kev: KevEntry | None = None
    epss: EpssScore | None = None
    cvss: CvssScore | None = None
    ssvc: SsvcDecisionPoints | None = None
    cwes: tuple[str, ...] = ()
    summary: str = ""
    published_on: date | None = None
    reservation: Reservation | None = None

    def laid_over(self, other: "CveSignals") -> "CveSignals":
        """Return what either knows; where both do, what this one knows."""
        missing = {
            field.name: getattr(other, field.name)
            for field in fields(CveSignals)
            if not getattr(self, field.name)
        }
        return replace(self, **missing)
