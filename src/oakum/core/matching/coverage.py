"""What of a host can be judged, and what cannot: counted and shown, never called fine."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from oakum.core.inventory.distribution import FIPS_CHANNELS, Distribution, Support, base_of
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


@dataclass(frozen=True, slots=True)
class Outline:
    """What of a host decides how much of it can be judged: little, so that a fleet's fits."""

    distribution: Distribution
    packages: int
    has_package_indices: bool
    foreign: tuple[tuple[str, str], ...]
    """(package, where it comes from)."""
    unlisted: tuple[tuple[str, str], ...]
    """(package, its source): in no index. Where the tracker knows the source, it was Debian's."""
    unseen: tuple[tuple[str, str], ...]
    """(what, why): all else that could not be read or told."""
    channels: tuple[tuple[str, str], ...] = ()
    """(package, the channel that it is judged by): of a release that they are not compared with."""


def coverage(known: Outline, covered: Covered) -> Coverage:
    """Say what could not be judged, and why."""
    label, release = known.distribution.label, known.distribution.judged_by
    if known.distribution.support is not Support.COVERED:
        return Coverage(0, ((label, "no vendor data for this distribution"),))
    spoken_of = {release, base_of(release)} & covered.keys()
    if not spoken_of:
        return Coverage(0, ((label, "the advisories hold nothing about this release"),))
    names = frozenset[str]().union(*(covered[name] for name in spoken_of))
    vendor = vendor_of(known.distribution)
    strays = [package for package, source in known.unlisted if source not in names]
    silent = [(package, channel) for package, channel in known.channels if channel not in covered]
    unknown = (
        *(() if release in covered else ((label, NO_STREAM),)),
        *((package, f"the advisories hold nothing about {channel}") for package, channel in silent),
        *(() if known.has_package_indices else (("origin of packages", NO_INDICES),)),
        *((name, f"comes from {origin}, not {vendor}") for name, origin in known.foreign),
        *((name, NO_INDEX_HAS_IT) for name in strays),
        *known.unseen,
    )
    return Coverage(known.packages - len(known.foreign) - len(strays) - len(silent), unknown)


def outline_of(facts: Facts) -> Outline:
    """Return the outline of a host."""
    foreign = foreign_packages(facts)
    return Outline(
        facts.distribution,
        len(facts.packages),
        facts.has_package_indices,
        tuple(foreign.items()),
        _unlisted(facts, foreign),
        tuple(_unseen(facts)),
        _channels(facts, foreign),
    )


def _unseen(facts: Facts) -> Iterator[tuple[str, str]]:
    yield from ((line.line, f"unreadable {line.section} line") for line in facts.unreadable)
    if not facts.saw_all_processes:
        yield "memory", "what processes still run cannot be read: no root, or no /proc"
    for process in facts.unread_processes:
        yield f"memory of process {process}", "the kernel lets nobody read it"
    for p in facts.stale_processes:
        if not owner_of(p, facts):
            yield (
                f"memory of process {p.pid} {p.command}",
                f"no package owns its replaced file {p.path}",
            )
    why = why_no_kernel(facts)
    if why:
        yield f"kernel {facts.kernel.release}", why


def _unlisted(facts: Facts, foreign: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return packages that no index has. A kernel is not one: an old one's name leaves the index.

    That the tracker has heard of the source tells that a package was the vendor's once.
    """
    unlisted = set(facts.unlisted_packages)
    return tuple(
        (package.key, package.source_name)
        for package in facts.packages
        if package.name in unlisted and package.key not in foreign and not is_kernel(package)
    )


def _channels(facts: Facts, foreign: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    channel = fips_release(facts)
    return tuple(
        (p.key, channel)
        for p in facts.packages
        if channel and is_fips(p.version) and p.key not in foreign
    )


NO_STREAM = (
    "the advisories hold nothing about this stream; it is judged by its release's, where that tells"
)
NO_INDEX_HAS_IT = "no package index has it: installed by hand, or its archive is gone"
NO_INDICES = "the host has no package indices, so third-party packages cannot be told from Debian's"


def foreign_packages(facts: Facts) -> dict[str, str]:
    """Return the packages that the release's data says nothing about, with where they come from."""
    knows_fips = bool(fips_release(facts))
    others = {
        p.key: origin
        for p in facts.packages
        if (origin := _other_channel(p.version)) and not (knows_fips and is_fips(p.version))
    }
    return dict(sorted((others | dict(facts.package_origins)).items()))


@lru_cache(maxsize=1 << 16)  # hosts have most versions in common
def _other_channel(version: str) -> str:
    """Return which other channel a version is of, whose fixes are numbered in another way."""
    if BACKPORT in version:
        return "Debian Backports"
    return "a FIPS channel" if is_fips(version) else ""


def is_fips(version: str) -> bool:
    """Tell whether a build follows a certificate: its version continues no release's."""
    return FIPS.search(version) is not None


def fips_release(facts: Facts) -> str:
    """Return the channel that the host's FIPS builds are of; empty where it has none."""
    enabled = (channel for channel in FIPS_CHANNELS if channel in facts.subscriptions)
    channel = next(enabled, "")
    return f"{facts.distribution.release}-{channel}" if channel else ""


def why_no_kernel(facts: Facts) -> str:
    """Return why the booted kernel cannot be judged; empty when it can."""
    if facts.is_container:
        return "the kernel is the machine's"
    kernels = (package for package in facts.packages if is_kernel(package))
    booted = booted_kernel(facts, kernels)
    if booted is None:
        return f"no {vendor_of(facts.distribution)} build is named"
    if BACKPORT in booted.version:
        return "comes from Debian Backports, not Debian"
    foreign = foreign_packages(facts)
    origins = {
        foreign.get(package.key, "")
        for package in facts.packages
        if is_kernel(package)
        and is_image(package)
        and booted.version in (tracker_version(package), package.version)
    }
    if origins and "" not in origins:
        return f"comes from {', '.join(sorted(origins))}, not {vendor_of(facts.distribution)}"
    return ""


def vendor_of(distribution: Distribution) -> str:
    """Return whose data a host is judged by."""
    return VENDORS.get(distribution.id, distribution.id)


VENDORS = {"debian": "Debian", "ubuntu": "Ubuntu", "almalinux": "AlmaLinux", "rocky": "Rocky Linux",
    "rhel": "Red Hat", "sles": "SUSE", "sled": "SUSE", "opensuse-leap": "openSUSE",
    "alpine": "Alpine"}  # fmt: skip


def owner_of(process: StaleProcess, facts: Facts) -> str:
    """Return the source of the package that owns what a process maps; empty when none does."""
    name = process.package.partition(":")[0]
    return next((package.source_name for package in facts.packages if package.name == name), "")
