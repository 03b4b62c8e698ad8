"""Prioritise: from findings to a queue of patches."""

from collections.abc import Collection

from oakum.core.ids import HostId
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.queue import FleetView, QueueItem, build_queue
from oakum.core.risk.weakness import WeaknessGroup, by_weakness
from oakum.core.versions.deb import compare
from oakum.ports.stores import UnitOfWork


def prioritise(
    work: UnitOfWork, assessor: Assessor, hosts: Collection[HostId]
) -> tuple[QueueItem, ...]:
    """Return the queue of these hosts."""
    known = {host.id: host for host in work.hosts.all() if host.id in hosts}
    findings = [finding for finding in work.findings.of(known) if finding.is_to_patch]
    signals = work.advisories.signals({finding.cve for finding in findings})
    since = work.findings.first_seen(known)
    return build_queue(findings, FleetView(known, signals, since, assessor, later))


def group_by_weakness(work: UnitOfWork, hosts: Collection[HostId]) -> tuple[WeaknessGroup, ...]:
    """Return what is to be patched on these hosts by its kind of mistake."""
    findings = [finding for finding in work.findings.of(hosts) if finding.is_to_patch]
    signals = work.advisories.signals({finding.cve for finding in findings})
    return by_weakness(findings, signals)


def later(first: str, second: str) -> str:
    """Return the later of two Debian versions."""
    return first if compare(first, second) >= 0 else second
