"""Reconcile: what another scanner says of the fleet, held against Oakum's own findings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from oakum.core.errors import NotFoundError
from oakum.core.ids import HostId
from oakum.core.matching.coverage import coverage
from oakum.core.matching.finding import Finding
from oakum.core.reconciling.identity import HostIndex
from oakum.core.reconciling.reconcile import Reconciliation, reconcile
from oakum.core.reconciling.report import ScannerReport
from oakum.ports.stores import UnitOfWork
from oakum.services.find_exposure import findings_of


def reconcile_report(
    report: ScannerReport, work: UnitOfWork, *, host: str = "", every: bool = False
) -> Reconciliation:
    """Return the comparison; it changes nothing.

    `host` says whose report it is where the report names an image or a directory. Raises
    NotFoundError without any hosts, or without that one.
    """
    if host:
        report = report.taken_for(work.hosts.named(host).name)
    hosts = work.hosts.all()
    if not hosts:
        raise NotFoundError(
            "there are no hosts yet", hint="`oakum hosts add` or `oakum hosts import` adds some"
        )
    index = HostIndex.of(hosts)
    meant = {found.id for found, _ in map(index.find, report.hosts) if found is not None}
    covered = work.advisories.covered()
    coverages = {
        identity: coverage(known, covered)
        for identity, known in work.facts.outlines().items()
        if identity in meant
    }
    return reconcile(report, hosts, _findings_of(meant, work), coverages, every=every)


def _findings_of(hosts: Iterable[HostId], work: UnitOfWork) -> Mapping[HostId, Sequence[Finding]]:
    found: dict[HostId, list[Finding]] = defaultdict(list)
    for finding in findings_of(work, hosts):
        found[finding.host].append(finding)
    return found
