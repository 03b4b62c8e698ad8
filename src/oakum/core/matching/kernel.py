"""Which kernel a host really runs, and which source version trackers know it by."""

import re

from oakum.core.inventory.facts import Facts
from oakum.core.inventory.package import InstalledPackage
from oakum.core.versions.deb import is_version

KERNEL, SIGNED = "linux", "linux-signed-"
"""Debian builds signed images from sources of their own; trackers speak of `linux`."""
IMAGE = re.compile(r"linux-image-(?P<release>[0-9].*?)(?:-unsigned)?")
DEBIAN_BUILD = re.compile(r"\bDebian (?P<version>[0-9][A-Za-z0-9.+~-]*) \(")
BUILT_USING_LINUX = re.compile(r"(?:^|, )linux \(= (?P<version>[^)]+)\)")


def running_version(facts: Facts) -> str | None:
    """Return the source version of the booted kernel; None when it is none of Debian's.

    `uname -v` of a Debian kernel ends with `Debian 6.1.192-2 (2026-11-02)`.
    """
    match = DEBIAN_BUILD.search(facts.kernel.version)
    return match["version"] if match else None


def is_image(package: InstalledPackage) -> bool:
    """Tell whether a package is a kernel that can be booted, not one that only depends on one."""
    return IMAGE.fullmatch(package.name) is not None


def is_kernel(package: InstalledPackage) -> bool:
    """Tell whether a package comes of the kernel's source."""
    return package.source_name == KERNEL or package.source_name.startswith(SIGNED)


def tracker_version(package: InstalledPackage) -> str:
    """Return the version by which trackers know a kernel package.

    For a signed one that is Built-Using's, and by Debian's habit the binary package's own where
    the field is missing or makes no sense: `6.1.192-2` is built by linux-signed-amd64 6.1.192+2.
    """
    if not package.source_name.startswith(SIGNED):
        return package.source_version
    match = BUILT_USING_LINUX.search(package.built_using)
    return match["version"] if match and is_version(match["version"]) else package.version
