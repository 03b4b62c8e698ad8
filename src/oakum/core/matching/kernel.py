"""Which kernel a host really runs, and which source version trackers know it by."""

import re

from oakum.core.inventory.facts import Facts
from oakum.core.inventory.package import InstalledPackage

KERNEL_SOURCES = frozenset({"linux", "linux-signed-amd64", "linux-signed-arm64"})
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


def installed_versions(facts: Facts) -> tuple[str, ...]:
    """Return the source versions of the kernel images that are installed."""
    images = [p for p in facts.packages if IMAGE.fullmatch(p.name)]
    return tuple(sorted({tracker_version(package) for package in images}))


def is_kernel(package: InstalledPackage) -> bool:
    """Tell whether a package comes of the kernel's source."""
    return package.source_name in KERNEL_SOURCES


def tracker_version(package: InstalledPackage) -> str:
    """Return the version by which trackers know a kernel package: Built-Using's for signed ones."""
    match = BUILT_USING_LINUX.search(package.built_using)
    return match["version"] if match else package.source_version
