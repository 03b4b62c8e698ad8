"""Tell which findings a plan closes, and refuse one that cannot close what was asked for."""

from collections.abc import Iterable, Sequence

from oakum.core.errors import NotFoundError
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.matching.kernel import SIGNED, judged_as
from oakum.core.planning.plan import HostClass, RebootPolicy
from oakum.core.repositories.snapshot import SnapshotManifest, SnapshotPackage
from oakum.core.versions.deb import compare


def require_fixes(
    cves: frozenset[CveId], hosts: Iterable[Host], findings: Iterable[Finding]
) -> None:
    """Raise NotFoundError for a CVE that none of these hosts can be freed from."""
    chosen = {host.id for host in hosts}
    fixable = FindingState.AFFECTED_FIX_AVAILABLE
    closable = {f.cve for f in findings if f.host in chosen and f.state is fixable}
    if others := sorted(cves - closable):
        raise NotFoundError(
            f"no update on these hosts fixes {', '.join(others)}",
            hint=f"`oakum findings --all --cve {others[0]}` shows how they stand to it",
        )


def sources_of(findings: Iterable[Finding], cves: frozenset[CveId]) -> frozenset[str]:
    """Return the source packages whose newer versions fix any of these CVEs."""
    fixable = FindingState.AFFECTED_FIX_AVAILABLE
    return frozenset(f.source_name for f in findings if f.cve in cves and f.state is fixable)


def closed_by(
    classes: tuple[HostClass, ...],
    manifest: SnapshotManifest,
    policy: RebootPolicy,
    fixable: Sequence[Finding],
) -> list[Finding]:
    """Return the findings that the plan closes."""
    reached: dict[tuple[HostId, str], str] = {}
    for host_class in classes:
        # A kernel that is only installed mends nothing yet.
        reboots = host_class.needs_reboot and policy is RebootPolicy.WHEN_NEEDED
        for change in host_class.changes:
            new = manifest.find(change.name, change.new_version, change.architecture)
            if new is not None and (reboots or not new.source_name.startswith(SIGNED)):
                source, brought = _judged_as(new)
                for host in host_class.hosts:
                    reached[host, source] = brought
    return [
        f
        for f in fixable
        if (version := reached.get((f.host, f.source_name))) is not None
        and compare(version, f.evidence.fixed_version) >= 0
    ]


def _judged_as(new: SnapshotPackage) -> tuple[str, str]:
    """Return the source and version by which findings speak of a package of a snapshot."""
    return judged_as(
        InstalledPackage(
            new.name, new.version, new.architecture, new.source_name, new.source_version
        )
    )
