"""Which distribution a host runs."""

import re
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


BASE_FILES = re.compile(
    r"(?:(?P<debian>[0-9]+)\.[0-9.]+(?:\+deb[0-9]+u[0-9]+)?|(?P<ubuntu>[0-9]+ubuntu[0-9]+)(?:\.[0-9]+)*)"
)
UBUNTU_BASE_FILES = {"11ubuntu5": "20.04", "12ubuntu4": "22.04", "13ubuntu10": "24.04"}


def system_by_base_files(version: str) -> "Distribution":
    """Return the system that this version of `base-files` makes: it holds /etc/os-release.

    Debian numbers the package by the release, Ubuntu by the Debian that it was taken from and a
    count that a release keeps. Any other number is of a system that is not known here.
    """
    match = BASE_FILES.fullmatch(version)
    number = match["debian"] if match else None
    if number in DEBIAN_RELEASES:
        return Distribution("debian", number, DEBIAN_RELEASES[number])
    number = UBUNTU_BASE_FILES.get(match["ubuntu"] or "") if match else None
    if number is not None:
        return Distribution("ubuntu", number, UBUNTU_RELEASES[number])
    return Distribution("unknown", "", "", f"base-files {version}")


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
