"""Lay a scanner's report beside what Oakum knows of the same hosts."""

from dataclasses import replace

from oakum.core.errors import InputError
from oakum.core.matching.coverage import coverage
from oakum.core.reconciling.reconcile import Comparison, Known, reconcile
from oakum.core.reconciling.report import ScannedHost, ScannerReport
from oakum.ports.stores import UnitOfWork
from oakum.services.find_exposure import findings_of


def reconcile_report(report: ScannerReport, name: str, work: UnitOfWork) -> Comparison:
    """Return the comparison. `name`, if given, is whom a report of one system is about.

    Raises InputError when a name is given for a report of several hosts.
    """
    hosts = work.hosts.all()
    if name:
        report = _about(report, work.hosts.named(name).name)
    covered = work.advisories.covered()
    known = {}
    for host in hosts:
        facts = work.facts.latest(host.id)
        found = findings_of(work, [host.id])
        known[host.id] = Known(found, coverage(facts, covered) if facts is not None else None)
    return reconcile(report, hosts, known)


def _about(report: ScannerReport, name: str) -> ScannerReport:
    if len(set(report.hosts)) > 1:
        raise InputError(
            f"the report is about {len(set(report.hosts))} hosts: --host says whom a report of "
            "one is about",
            hint="leave --host out",
        )
    host = ScannedHost(name)
    results = tuple(replace(result, host=host) for result in report.results)
    return replace(report, hosts=(host,), results=results)
