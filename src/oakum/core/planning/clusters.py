"""Environment clusters: hosts that are alike in all that may make this change end differently.

One host of each in the first ring finds what as many hosts taken at random miss (Mirage, SOSP
2007). What counts depends on what is changed: not the whole host is compared, or each would be a
cluster of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oakum.core.ids import HostId
from oakum.core.inventory.facts import Environment, Facts
from oakum.core.inventory.host import Host
from oakum.core.planning.change import PackageChange, RollbackClass

ROLE = "role="
UNKNOWN: Final = "not known"
NONE: Final = "none"
CHANGES: Final = "changes"
MACHINE_CLASSES = frozenset({RollbackClass.CORE, RollbackClass.KERNEL, RollbackClass.ONE_WAY})
"""What boots, drives or holds up the machine: there it matters what the machine is."""
NETWORK_SOURCES = frozenset({
    "cloud-init", "dhcpcd", "dhcpcd5", "ethtool", "ifupdown", "ifupdown-ng", "iproute2", "iptables",
    "isc-dhcp", "libnl3", "netplan.io", "network-manager", "nftables", "openresolv", "resolvconf",
    "wireguard", "wpa",
})  # fmt: skip
"""What sets up a network without being of the core."""
DAY = 86_400
UP_CLASSES = (
    (DAY, "for less than a day"),
    (30 * DAY, "for less than a month"),
    (180 * DAY, "for less than half a year"),
)
UP_LONGEST = "for half a year or more"
SHOWN_DIFFERENCES: Final = 6
"""How much of a cluster is named outside the plan's own document."""

Fingerprint = tuple[tuple[str, str], ...]
"""(feature, value), sorted: what of a host counts for a plan."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Hosts of a plan with the same fingerprint."""

    differs: Fingerprint
    """What distinguishes it from the plan's other clusters; empty when there is only one."""
    hosts: tuple[HostId, ...]
    """Sorted."""

    def in_words(self, limit: int | None = None) -> str:
        """Return what distinguishes it, or the first things of many."""
        if not self.differs:
            return "all alike"
        said = "; ".join(f"{feature}: {value}" for feature, value in self.differs[:limit])
        more = 0 if limit is None else len(self.differs) - limit
        return f"{said}; and {more} more" if more > 0 else said


@dataclass(frozen=True, slots=True)
class Touched:
    """What a plan changes anywhere, as far as it decides what of hosts counts."""

    sources: frozenset[str]
    needs_machine: bool
    needs_network: bool


def touched_by(changes: Iterable[PackageChange]) -> Touched:
    """Return what these changes touch."""
    known = {(change.source_name, change.rollback_class) for change in changes}
    sources = frozenset(source for source, _ in known)
    needs_machine = any(found in MACHINE_CLASSES for _, found in known)
    return Touched(sources, needs_machine, needs_machine or bool(sources & NETWORK_SOURCES))


def fingerprint(host: Host, facts: Facts, host_class: str, touched: Touched) -> Fingerprint:
    """Return what of a host counts for a plan; what is not known is a value of its own."""
    return tuple(sorted(_features(host, facts, host_class, touched)))


def clusters_of(fingerprints: Mapping[HostId, Fingerprint]) -> tuple[Cluster, ...]:
    """Return the clusters, the largest first."""
    members: dict[Fingerprint, list[HostId]] = defaultdict(list)
    for host, found in fingerprints.items():
        members[found].append(host)
    differences = _differences(list(members))
    clusters = [
        Cluster(differences[found], tuple(sorted(hosts))) for found, hosts in members.items()
    ]
    return tuple(sorted(clusters, key=lambda cluster: (-len(cluster.hosts), cluster.differs)))


def _features(
    host: Host, facts: Facts, host_class: str, touched: Touched
) -> Iterator[tuple[str, str]]:
    where = facts.environment
    roles = sorted(label.removeprefix(ROLE) for label in host.labels if label.startswith(ROLE))
    yield CHANGES, host_class
    yield "role", ", ".join(roles) or NONE
    yield "release", facts.distribution.label or UNKNOWN
    yield "architecture", facts.architecture or UNKNOWN
    yield "init", "systemd" if facts.has_systemd else "not systemd"
    yield "up", _up_class(where.up_seconds)
    yield from _of_packages(facts, touched)
    if touched.needs_machine:
        yield "kernel", flavour_of(facts.kernel.release) or UNKNOWN
        yield "runs on", _machine(where)
        yield "boot", where.boot_mode or UNKNOWN
        yield "root file system", where.root_file_system or UNKNOWN
    if touched.needs_network:
        yield "network", _listed(where.network_managers)
        yield "network drivers", _listed(where.network_drivers)


def _of_packages(facts: Facts, touched: Touched) -> Iterator[tuple[str, str]]:
    """Give what of the changed packages is there, how it was changed by hand, and what runs."""
    versions = {source: set[str]() for source in touched.sources}
    names = set[str]()
    for package in facts.packages:
        if package.source_name in versions:
            versions[package.source_name].add(package.source_version)
            names.add(package.name)
    for source, found in versions.items():
        yield f"package {source}", ", ".join(sorted(found)) or "not installed"
    for file in facts.modified_conffiles:
        if file.package in names:
            yield file.path, "changed by hand" if file.actual_md5 else "removed by hand"
    yield "services", UNKNOWN if facts.services is None else "known"
    for service in facts.services or ():
        if service.package in names and (service.is_enabled or not _is_of_a_login(service.unit)):
            enabled = "enabled" if service.is_enabled else "not enabled"
            yield service.unit, f"{enabled}, {'running' if service.is_running else 'not running'}"


def _is_of_a_login(unit: str) -> bool:
    """Tell whether a unit is there while somebody is logged in, or is called after a connection."""
    return unit.startswith(("user@", "user-runtime-dir@")) or ("@" in unit and ":" in unit)


def flavour_of(kernel: str) -> str:
    """Return what `uname -r` says besides the version: `cloud-amd64`, `generic`."""
    words = kernel.split("-")
    return "-".join(word for word in words if word and not word[0].isdigit())


def _machine(where: Environment) -> str:
    return ", ".join(word for word in (where.machine, where.vendor) if word) or UNKNOWN


def _listed(words: tuple[str, ...] | None) -> str:
    return UNKNOWN if words is None else ", ".join(words) or NONE


def _up_class(seconds: int | None) -> str:
    if seconds is None:
        return UNKNOWN
    return next((words for limit, words in UP_CLASSES if seconds < limit), UP_LONGEST)


def _differences(found: Sequence[Fingerprint]) -> Mapping[Fingerprint, Fingerprint]:
    """Return what distinguishes each, leaving out what all have.

    That other packages are changed is named only where nothing else tells two apart.
    """
    known = [dict(one) for one in found]
    features = sorted({feature for one in known for feature in one})
    differing = [f for f in features if len({one.get(f) for one in known}) > 1]
    plain = [feature for feature in differing if feature != CHANGES]
    named = [_named(one, plain) for one in known]
    if len(set(named)) < len(known):
        named = [_named(one, differing) for one in known]
    return dict(zip(found, named, strict=True))


def _named(one: Mapping[str, str], features: Sequence[str]) -> Fingerprint:
    return tuple((feature, one.get(feature) or _absent(feature)) for feature in features)


def _absent(feature: str) -> str:
    return "as shipped" if feature.startswith("/") else "not begun"
