"""What was known of vulnerabilities on a past day, and nothing of after it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from oakum.core.advisories.first_fix import FirstFix
from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId


@dataclass(frozen=True, slots=True)
class FrozenCve:
    """What was known of one CVE on the day."""

    signals: CveSignals
    first_fix: FirstFix

    @property
    def epss_ppm(self) -> int:
        """Return EPSS in millionths; none counts as 0."""
        return self.signals.epss.probability_ppm if self.signals.epss is not None else 0

    @property
    def cvss_tenths(self) -> int:
        """Return ten times the CVSS base score; none counts as 0."""
        return self.signals.cvss.base_tenths if self.signals.cvss is not None else 0


@dataclass(frozen=True, slots=True)
class FrozenView:
    """What was known on a day, and what was exploited by a later one."""

    on: date
    until: date
    cves: Sequence[FrozenCve]
    exploited: Collection[CveId]
    """Those of the CVEs that the KEV catalogue took up after the day, and by the later one."""
