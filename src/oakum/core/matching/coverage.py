"""What of a host can be judged, and what cannot: counted and shown, never called fine."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from oakum.core.inventory.distribution import Support
from oakum.core.inventory.facts import Facts, StaleProcess
from oakum.core.matching.kernel import booted_kernel, is_image, is_kernel, tracker_version

BACKPORT = "~bpo"
"""How a version from Debian's backports is marked; the tracker's releases do not cover them."""
FIPS = re.compile(r"[.+~]fips", re.IGNORECASE)
"""How Ubuntu and Red Hat mark builds that follow a certificate, not the release's fixes."""


Covered = Mapping[str, AbstractSet[str]]
"""For each release that the tracker speaks of, the source packages that it names."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a host could be judged, and what could not."""

    judged: int
    unknown: tuple[tuple[str, str], ...]
    """(what, why): never counted as safe."""


def coverage(facts: Facts, covered: Covered) -> Coverage:
    """Say what could not be judged, and why."""
    unknown: list[tuple[str, str]] = []
    if facts.distribution.support is not Support.COVERED:
        unknown.append((facts.distribution.label, "no vendor data for this distribution"))
        return Coverage(0, tuple(unknown))
    if facts.distribution.release not in covered:
        unknown.append((facts.distribution.label, "the advisories hold nothing about this release"))
        return Coverage(0, tuple(unknown))
    if not facts.has_package_indices:
        unknown.append(("origin of packages", NO_INDICES))
    foreign = foreign_packages(facts)
    vendor = vendor_of(facts)
    unknown.extend((name, f"comes from {origin}, not {vendor}") for name, origin in foreign.items())
    strays = _strays(facts, foreign, covered[facts.distribution.release])
    unknown.extend((name, NO_INDEX_HAS_IT) for name in strays)
    unknown.extend((line.line, f"unreadable {line.section} line") for line in facts.unreadable)
    if not facts.saw_all_processes:
        unknown.append(("memory", "what processes still run cannot be read: no root, or no /proc"))
    unknown.extend(
        (f"memory of process {process}", "the kernel lets nobody read it")
        for process in facts.unread_processes
    )
    unknown.extend(
        (f"memory of process {p.pid} {p.command}", f"no package owns its replaced file {p.path}")
        for p in facts.stale_processes
        if not owner_of(p, facts)
    )
    why = why_no_kernel(facts)
    if why:
        unknown.append((f"kernel {facts.kernel.release}", why))
    return Coverage(len(facts.packages) - len(foreign) - len(strays), tuple(unknown))


def _strays(facts: Facts, foreign: Mapping[str, str], sources: AbstractSet[str]) -> tuple[str, ...]:
    """Return packages that no index has and of whose source the tracker has never heard.

    Where it has heard of it, the package was Debian's: an old kernel's name leaves the index.
    """
    unlisted = set(facts.unlisted_packages)
    return tuple(
        package.key
        for package in facts.packages
        if package.name in unlisted
        and package.key not in foreign
        and not is_kernel(package)
        and package.source_name not in sources
    )


NO_INDEX_HAS_IT = "no package index has it: installed by hand, or its archive is gone"
NO_INDICES = "the host has no package indices, so third-party packages cannot be told from Debian's"


def foreign_packages(facts: Facts) -> dict[str, str]:
    """Return the packages that the release's data says nothing about, with where they come from."""
    others = {p.key: origin for p in facts.packages if (origin := _other_channel(p.version))}
    return dict(sorted((others | dict(facts.package_origins)).items()))


def _other_channel(version: str) -> str:
    """Return which other channel a version is of, whose fixes are numbered in another way."""
    if BACKPORT in version:
        return "Debian Backports"
    return "a FIPS channel" if FIPS.search(version) else ""


def why_no_kernel(facts: Facts) -> str:
    """Return why the booted kernel cannot be judged; empty when it can."""
    if facts.is_container:
        return "the kernel is the machine's"
    kernels = [package for package in facts.packages if is_kernel(package)]
    booted = booted_kernel(facts, kernels)
    if booted is None:
        return f"no {vendor_of(facts)} build is named"
    if BACKPORT in booted.version:
        return "comes from Debian Backports, not Debian"
    foreign = foreign_packages(facts)
    origins = {
        foreign.get(package.key, "")
        for package in kernels
        if is_image(package) and booted.version in (tracker_version(package), package.version)
    }
    if origins and "" not in origins:
        return f"comes from {', '.join(sorted(origins))}, not {vendor_of(facts)}"
    return ""


def vendor_of(facts: Facts) -> str:
    """Return whose data a host is judged by."""
    return VENDORS.get(facts.distribution.id, facts.distribution.id)


VENDORS = {"debian": "Debian", "ubuntu": "Ubuntu", "almalinux": "AlmaLinux", "rocky": "Rocky Linux",
    "rhel": "Red Hat", "sles": "SUSE", "sled": "SUSE", "opensuse-leap": "openSUSE",
    "alpine": "Alpine"}  # fmt: skip


def owner_of(process: StaleProcess, facts: Facts) -> str:
    """Return the source of the package that owns what a process maps; empty when none does."""
    name = process.package.partition(":")[0]
    return next((package.source_name for package in facts.packages if package.name == name), "")
