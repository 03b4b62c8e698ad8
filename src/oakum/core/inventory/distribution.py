"""Which distribution a host runs."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

DEBIAN_RELEASES = {"11": "bullseye", "12": "bookworm", "13": "trixie"}
UBUNTU_RELEASES = {"20.04": "focal", "22.04": "jammy", "24.04": "noble"}
ENTERPRISE = ("almalinux", "rocky", "rhel")
"""Compatible with one another, and not the same: each is judged by its own vendor's data."""
EXTENDED = ("eus", "aus", "e4s", "tus")
"""Red Hat's streams that hold a minor release, with fixes of their own: `rhel-eus:9.2`."""
EXTENDED_STREAM = re.compile(rf"rhel-(?:{'|'.join(EXTENDED)}):(?P<major>[0-9]+)\.(?P<minor>[0-9]+)")
FIPS_CHANNELS = ("fips-updates", "fips", "fips-preview")
"""Ubuntu's channels of builds that follow a certificate: `jammy-fips-updates`."""
SUSE = {"sles": "sles", "sled": "sles", "opensuse-leap": "opensuse-leap"}
ALPINE = "alpine"


@lru_cache(maxsize=1 << 10)
def base_of(release: str) -> str:
    """Return the release that a stream is of: `rhel:9` of `rhel-eus:9.2`; of others, themselves."""
    if match := EXTENDED_STREAM.fullmatch(release):
        return f"rhel:{match['major']}"
    codename, dash, channel = release.partition("-")
    return codename if dash and channel in FIPS_CHANNELS else release


def system_of(release: str) -> str:
    """Return whose release it is: the `id` of /etc/os-release; of SUSE's, `suse`."""
    release = base_of(release)
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
    stream: str = ""
    """One of EXTENDED, where a host of Red Hat's is held at its minor release."""

    @property
    def judged_by(self) -> str:
        """Return the release or the stream of it whose data a host is judged by."""
        is_held = self.stream and EXTENDED_STREAM.fullmatch(f"rhel-eus:{self.version_id}")
        if self.id == "rhel" and is_held:
            return f"rhel-{self.stream}:{self.version_id}"
        return self.release

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
        held = f", {self.stream.upper()}" if self.stream else ""
        return f"{self.id} {self.version_id} ({self.codename or 'no codename'}){held}"
