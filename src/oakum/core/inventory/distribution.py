"""Which distribution a host runs."""

from dataclasses import dataclass
from enum import Enum

DEBIAN_RELEASES = {"11": "bullseye", "12": "bookworm", "13": "trixie"}
UBUNTU_RELEASES = {"20.04": "focal", "22.04": "jammy", "24.04": "noble"}
ENTERPRISE = ("almalinux", "rocky", "rhel")
"""Compatible with one another, and not the same: each is judged by its own vendor's data."""
SUSE = {"sles": "sles", "sled": "sles", "opensuse-leap": "opensuse-leap"}
ALPINE = "alpine"


def system_of(release: str) -> str:
    """Return whose release it is: the `id` of /etc/os-release; of SUSE's, `suse`."""
    if release in DEBIAN_RELEASES.values():
        return "debian"
    if release in UBUNTU_RELEASES.values():
        return "ubuntu"
    name = release.partition(":")[0]
    return "suse" if name in SUSE.values() else name


class Support(Enum):
    """Whether Oakum has vendor data for a distribution."""

    COVERED = "covered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Distribution:
    """The answer of `/etc/os-release`."""

    id: str
    version_id: str
    codename: str
    pretty_name: str = ""

    @property
    def release(self) -> str:
        """Return how vendor data names the release: `bookworm`, `almalinux:9`, `alpine:3.20`.

        Empty where Oakum reads no vendor's data about it.
        """
        named = {"debian": DEBIAN_RELEASES, "ubuntu": UBUNTU_RELEASES}.get(self.id)
        if named is not None:
            codename = named.get(self.version_id, "")
            return codename if codename == self.codename else ""
        major, _, rest = self.version_id.partition(".")
        if self.id in ENTERPRISE and major.isdigit():
            return f"{self.id}:{major}"
        if self.id in SUSE and major.isdigit():
            return f"{SUSE[self.id]}:{self.version_id}"
        if self.id == ALPINE and major.isdigit() and rest:
            return f"{ALPINE}:{major}.{rest.partition('.')[0]}"
        return ""

    @property
    def named(self) -> str:
        """Return the release, or its codename where Oakum reads no vendor's data about it."""
        return self.release or self.codename

    @property
    def support(self) -> Support:
        """Tell whether vendor advisories can be matched: anything else is unknown, never fine."""
        return Support.COVERED if self.release else Support.UNKNOWN

    @property
    def label(self) -> str:
        """Return `debian 12 (bookworm)`."""
        return f"{self.id} {self.version_id} ({self.codename or 'no codename'})"
