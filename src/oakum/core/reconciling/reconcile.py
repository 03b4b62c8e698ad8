"""Lay a scanner's report beside Oakum's findings, host by host: agreed, only theirs, only ours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.core.matching.coverage import Coverage
from oakum.core.matching.finding import BAD_NEWS_FIRST, Finding
from oakum.core.reconciling.report import ScannedHost, ScannerReport, ScannerResult


@dataclass(frozen=True, slots=True)
class OnlyTheirs:
    """A CVE that the scanner reports and Oakum does not call open, with Oakum's evidence."""

    result: ScannerResult
    why: str


@dataclass(frozen=True, slots=True)
class HostComparison:
    """One host that both know."""

    host: Host
    agreed: tuple[tuple[ScannerResult, Finding], ...]
    only_theirs: tuple[OnlyTheirs, ...]
    only_ours: tuple[Finding, ...]
    """Open findings that the scanner has not."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A whole report beside Oakum's findings."""

    hosts: tuple[HostComparison, ...]
    strangers: tuple[tuple[ScannedHost, str], ...]
    """Hosts of the report that are none of Oakum's, or could be several: with the reason."""


@dataclass(frozen=True, slots=True)
class Known:
    """What Oakum knows of a host; None where it was never scanned."""

    findings: Sequence[Finding]
    coverage: Coverage | None


def reconcile(
    report: ScannerReport, hosts: Sequence[Host], known: Mapping[HostId, Known]
) -> Comparison:
    """Return the comparison; `known` has every host that the report could mean."""
    results: dict[HostId, dict[CveId, ScannerResult]] = defaultdict(dict)
    strangers: list[tuple[ScannedHost, str]] = []
    meant: dict[ScannedHost, HostId] = {}
    for scanned in dict.fromkeys(report.hosts):
        found = identify(scanned, hosts)
        if isinstance(found, str):
            strangers.append((scanned, found))
        else:
            meant[scanned] = found.id
    for result in report.results:
        if result.host in meant:
            results[meant[result.host]].setdefault(result.cve, result)
    compared = [
        _compare(host, results[host.id], known.get(host.id, Known((), None)))
        for host in hosts
        if host.id in set(meant.values())
    ]
    return Comparison(tuple(compared), tuple(strangers))


def identify(scanned: ScannedHost, hosts: Sequence[Host]) -> Host | str:
    """Return the host that a scanner means, or why that cannot be told.

    By its exact name, then an address, then the name without its domain: never by a guess.
    """
    bare = scanned.name.partition(".")[0].lower()
    addresses = {*scanned.addresses, scanned.name}
    for candidates in (
        [host for host in hosts if host.name == scanned.name],
        [host for host in hosts if host.address in addresses],
        [host for host in hosts if bare and host.name.partition(".")[0].lower() == bare],
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(sorted(host.name for host in candidates))
            return f"it could be any of {names}"
    return "no host of Oakum's has this name or address"


def _compare(host: Host, results: Mapping[CveId, ScannerResult], known: Known) -> HostComparison:
    ours: dict[CveId, Finding] = {}
    for finding in known.findings:
        other = ours.get(finding.cve)
        if other is None or _rank(finding) < _rank(other):
            ours[finding.cve] = finding
    agreed, theirs = list[tuple[ScannerResult, Finding]](), list[OnlyTheirs]()
    for cve, result in sorted(results.items()):
        own = ours.get(cve)
        if own is not None and own.state.is_open:
            agreed.append((result, own))
        else:
            theirs.append(OnlyTheirs(result, _why(result, own, known.coverage)))
    only_ours = [f for cve, f in sorted(ours.items()) if f.state.is_open and cve not in results]
    return HostComparison(host, tuple(agreed), tuple(theirs), tuple(only_ours))


def _why(result: ScannerResult, finding: Finding | None, coverage: Coverage | None) -> str:
    """Return Oakum's evidence for not calling it open."""
    if finding is not None:
        evidence = finding.evidence
        return (
            f"{finding.state.value}: {evidence.rule} ({finding.source_name}; {evidence.feed} of "
            f"{evidence.feed_as_of})"
        )
    if coverage is None:
        return "unknown: Oakum has not scanned this host"
    for what, why in coverage.unknown:
        name = what.partition(":")[0]
        if coverage.judged == 0 or (name and name == result.package):
            return f"unknown: {what}: {why}"
    return "the vendor names it in no package of this host"


def _rank(finding: Finding) -> int:
    return BAD_NEWS_FIRST.index(finding.state)
