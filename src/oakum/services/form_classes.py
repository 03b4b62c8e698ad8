"""Form the classes of a plan: hosts on which exactly the same is done, with what it is exactly."""

from collections.abc import Iterable, Mapping, Sequence

from oakum.core.canonical import digest_of
from oakum.core.errors import RefusedError
from oakum.core.ids import Digest, HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.change import ChangeKind, PackageChange
from oakum.core.planning.plan import HostClass
from oakum.core.repositories.snapshot import SnapshotManifest, SnapshotPackage
from oakum.core.rollback.classes import class_of
from oakum.ports.package_manager import SimulatedChange, Simulation


def form_classes(
    hosts: Iterable[Host],
    manifest: SnapshotManifest,
    facts: Mapping[HostId, Facts],
    simulations: Mapping[HostId, Simulation],
) -> tuple[HostClass, ...]:
    """Group hosts on which exactly the same is done, under the same circumstances.

    Raises RefusedError for a change to what the snapshot does not hold.
    """
    groups: dict[Digest, list[Host]] = {}
    for host in hosts:
        simulation = simulations.get(host.id)
        if simulation is not None and simulation.changes:
            groups.setdefault(_circumstances(host, simulation), []).append(host)
    named: dict[str, int] = {}
    classes = []
    for alike in groups.values():
        role = _role(alike[0])
        named[role] = named.get(role, 0) + 1
        name = f"{role}-{named[role]}"
        first = alike[0].id
        classes.append(_host_class(name, alike, facts[first], simulations[first], manifest))
    return tuple(classes)


def _circumstances(host: Host, simulation: Simulation) -> Digest:
    """Return what hosts must share for one twin to stand for all of them."""
    return digest_of(
        {
            "role": _role(host),
            "changes": [_simulated_line(change) for change in simulation.changes],
            "conffiles": list(simulation.conffile_prompts),
            "kept_back": [list(pair) for pair in simulation.kept_back],
            "restarts": list(simulation.restarts),
        }
    )


def _simulated_line(change: SimulatedChange) -> str:
    return f"{change.kind.value} {change.key} {change.old_version} {change.new_version}"


def _role(host: Host) -> str:
    roles = [label.removeprefix("role=") for label in host.labels if label.startswith("role=")]
    return (roles or list(host.labels) or ["hosts"])[0]


def _host_class(
    name: str,
    hosts: Sequence[Host],
    facts: Facts,
    simulation: Simulation,
    manifest: SnapshotManifest,
) -> HostClass:
    changes = tuple(
        sorted(
            (_change(change, facts, manifest) for change in simulation.changes),
            key=lambda change: change.key,
        )
    )
    return HostClass(
        name=name,
        hosts=tuple(host.id for host in hosts),
        changes=changes,
        restarts=simulation.restarts,
        needs_reboot=bool(simulation.reboot_reason),
        reboot_reason=simulation.reboot_reason,
        download_bytes=sum(change.size_bytes for change in changes),
        disk_bytes=sum(_growth(change, manifest) for change in changes),
        kept_back=simulation.kept_back,
        conffile_prompts=simulation.conffile_prompts,
    )


def _change(change: SimulatedChange, facts: Facts, manifest: SnapshotManifest) -> PackageChange:
    installed = facts.package(change.key)
    offered = manifest.find(change.name, change.new_version, change.architecture)
    if change.kind is not ChangeKind.REMOVE and offered is None:
        raise RefusedError(
            f"{facts.hostname} would install {change.key} {change.new_version}, "
            "which is not in the snapshot",
            hint="create the snapshot anew: the fleet has changed since it was frozen",
        )
    source = _source_name(offered, installed)
    return PackageChange(
        kind=change.kind,
        name=change.name,
        architecture=change.architecture,
        old_version=change.old_version,
        new_version=change.new_version,
        sha256=offered.sha256 if offered else Digest(""),
        size_bytes=offered.size_bytes if offered else 0,
        source_name=source,
        rollback_class=class_of(source, change.name),
    )


def _source_name(offered: SnapshotPackage | None, installed: InstalledPackage | None) -> str:
    if offered is not None:
        return offered.source_name
    return installed.source_name if installed is not None else ""


def _growth(change: PackageChange, manifest: SnapshotManifest) -> int:
    old = manifest.find(change.name, change.old_version, change.architecture)
    new = manifest.find(change.name, change.new_version, change.architecture)
    before = old.installed_size_kib if old else 0
    after = new.installed_size_kib if new else 0
    return 1024 * (after - before)
