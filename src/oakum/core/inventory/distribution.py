"""Which distribution a host runs."""

from dataclasses import dataclass
from enum import Enum


class Support(Enum):
    """Whether Oakum has vendor data for a distribution."""

    COVERED = "covered"
    UNKNOWN = "unknown"


DEBIAN_RELEASES = {"11": "bullseye", "12": "bookworm", "13": "trixie"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """The answer of `/etc/os-release`, with the codename by which trackers name a release."""

    id: str
    version_id: str
    codename: str
    pretty_name: str = ""

    @property
    def support(self) -> Support:
        """Tell whether vendor advisories can be matched: anything else is unknown, never fine."""
        is_debian = self.id == "debian" and DEBIAN_RELEASES.get(self.version_id) == self.codename
        return Support.COVERED if is_debian else Support.UNKNOWN

    @property
    def label(self) -> str:
        """Return `debian 12 (bookworm)`."""
        return f"{self.id} {self.version_id} ({self.codename or 'no codename'})"
