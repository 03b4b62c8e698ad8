"""Which release an OSV ecosystem is, for example `Debian:12` or `Ubuntu:Pro:22.04:LTS`.

Names are those of the OSV schema's list of ecosystems, and of what vendors' files hold.
"""

import re
from typing import NamedTuple

from oakum.core.inventory.distribution import DEBIAN_RELEASES, UBUNTU_RELEASES


class Stream(NamedTuple):
    """A release, and the paid channel of it."""

    release: str
    channel: str = ""


PRO = "pro"
"""Ubuntu's fixes for subscribers, where the record does not say of which of its channels."""
DEBIAN = re.compile(r"Debian:(?P<number>[0-9]+)")
UBUNTU = re.compile(
    r"Ubuntu:(?P<pro>Pro:(?:(?P<fips>FIPS(?:-updates|-preview)?):)?)?"
    r"(?P<number>[0-9]{2}\.[0-9]{2})(?::LTS)?"
)
RED_HAT = re.compile(
    r"Red Hat:(?:enterprise_linux:(?P<number>[0-9]+)|rhel_eus:(?P<held>[0-9]+\.[0-9]+))"
    r"(?:::[a-z_]+)?"
)
"""Of the streams that hold a minor release, EUS; AUS, E4S and TUS are for few hosts."""
OTHERS = {
    "almalinux": re.compile(r"AlmaLinux:(?P<number>[0-9]+)"),
    "rocky": re.compile(r"Rocky Linux:(?P<number>[0-9]+)"),
}
SLES = re.compile(
    r"SUSE:Linux Enterprise (?:Server|Desktop|Module for .+)(?: for .+)? "
    r"(?P<number>[0-9]+)(?: SP(?P<pack>[0-9]+))?"
)
LEAP = re.compile(r"openSUSE:Leap (?P<number>[0-9]+\.[0-9]+)")
ALPINE = re.compile(r"Alpine:v(?P<number>[0-9]+\.[0-9]+)")


def stream_of(ecosystem: str) -> Stream | None:
    """Return the release; None for one that no host of Oakum's can be of.

    Red Hat's extended streams and Ubuntu's FIPS channels are others than the release, with fixes
    of their own: nothing of them is held against a host or a package of the release.
    """
    if match := DEBIAN.fullmatch(ecosystem):
        return _named(DEBIAN_RELEASES.get(match["number"], ""))
    if match := UBUNTU.fullmatch(ecosystem):
        codename = UBUNTU_RELEASES.get(match["number"], "")
        if match["fips"]:
            return _named(codename and f"{codename}-{match['fips'].lower()}")
        return _named(codename, PRO if match["pro"] else "")
    if match := RED_HAT.fullmatch(ecosystem):
        held = match["held"]
        return Stream(f"rhel-eus:{held}" if held else f"rhel:{match['number']}")
    for system, pattern in OTHERS.items():
        if match := pattern.fullmatch(ecosystem):
            return Stream(f"{system}:{match['number']}")
    if match := SLES.fullmatch(ecosystem):
        pack = f".{match['pack']}" if match["pack"] else ""
        return Stream(f"sles:{match['number']}{pack}")
    if match := LEAP.fullmatch(ecosystem):
        return Stream(f"opensuse-leap:{match['number']}")
    if match := ALPINE.fullmatch(ecosystem):
        return Stream(f"alpine:{match['number']}")
    return None


def _named(codename: str, channel: str = "") -> Stream | None:
    return Stream(codename, channel) if codename else None
