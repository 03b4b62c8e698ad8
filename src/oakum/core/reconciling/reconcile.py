"""Hold a scanner's report against Oakum's own findings: a pure function, host by host.

A result and a finding are about the same thing when they name the same CVE on the same host, and
the result's package is the finding's source or one of its binaries. Scanners also name products
and upstream projects: what is no package that Oakum knows there is compared by the CVE alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.core.matching.coverage import Coverage
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.reconciling.identity import HostIndex
from oakum.core.reconciling.report import ReportedHost, ScannerReport, ScannerResult

EXPOSED = frozenset(
    {
        FindingState.AFFECTED_FIX_AVAILABLE,
        FindingState.AFFECTED_NEEDS_SUBSCRIPTION,
        FindingState.AFFECTED_NO_FIX,
        FindingState.EXPOSED_IN_MEMORY,
        FindingState.AWAITING_REBOOT,
    }
)
"""What counts as Oakum saying the same as a scanner. `unknown` does not: it is no claim."""
OUT_OF_REACH = frozenset({FindingState.AFFECTED_NEEDS_SUBSCRIPTION, FindingState.AFFECTED_NO_FIX})
"""Open, and nothing that can be done here closes it."""
KERNEL = re.compile(r"(?:linux|kernel)(?:-(?:image|headers|libc-dev|modules|core|default)\b.*)?")
PACKAGE = re.compile(r"[^\s:]+:[^\s:]+")
"""How coverage names a package, among other things that it cannot judge: `name:architecture`."""
NEVER_SCANNED = "Oakum has never scanned this host"
NO_STATEMENT = "no statement of the vendor names a package of this host"


@dataclass(frozen=True, slots=True)
class Agreed:
    """Both say that the host is affected."""

    cve: CveId
    theirs: tuple[ScannerResult, ...]
    ours: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class OnlyTheirs:
    """The scanner says that the host is affected, and Oakum does not."""

    cve: CveId
    theirs: tuple[ScannerResult, ...]
    reason: str
    """Why Oakum does not: the state of its findings with their evidence, or what is unknown."""
    ours: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class HostComparison:
    """One host that both know."""

    host: Host
    reported: tuple[ReportedHost, ...]
    """The names under which the report has it."""
    agreed: tuple[Agreed, ...]
    only_theirs: tuple[OnlyTheirs, ...]
    only_ours: tuple[Finding, ...]
    left_out: int
    """Open findings that the scanner lacks as well, and that were not asked for."""
    not_judged: str
    """Why Oakum can say nothing of the whole host; empty when it can."""


@dataclass(frozen=True, slots=True)
class NotMatched:
    """A host of the report that is no host of Oakum's, or could be several."""

    host: ReportedHost
    reason: str
    results: tuple[ScannerResult, ...]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The whole comparison."""

    hosts: tuple[HostComparison, ...]
    not_matched: tuple[NotMatched, ...]
    not_reported: tuple[Host, ...]
    """Oakum's hosts that the report does not speak of."""


def reconcile(
    report: ScannerReport,
    hosts: Iterable[Host],
    findings: Mapping[HostId, Sequence[Finding]],
    coverages: Mapping[HostId, Coverage],
    *,
    every: bool = False,
) -> Reconciliation:
    """Return what both say, what only one says, and which hosts only one knows.

    A host without coverage was never scanned. `every` asks for all open findings that the scanner
    lacks; else only those that a patch, a restart or a reboot closes: many scanners speak of no
    others.
    """
    known = list(hosts)
    index = HostIndex.of(known)
    claims: dict[ReportedHost, list[ScannerResult]] = {host: [] for host in report.hosts}
    for result in report.results:
        claims.setdefault(result.host, []).append(result)
    reported: dict[HostId, list[ReportedHost]] = defaultdict(list)
    strangers = []
    for name, results in claims.items():
        host, why = index.find(name)
        if host is None:
            strangers.append(NotMatched(name, why, tuple(results)))
        else:
            reported[host.id].append(name)
    return Reconciliation(
        hosts=tuple(
            _compare(
                _Ours(host, tuple(findings.get(host.id, ())), coverages.get(host.id)),
                {name: claims[name] for name in reported[host.id]},
                every=every,
            )
            for host in known
            if host.id in reported
        ),
        not_matched=tuple(strangers),
        not_reported=tuple(host for host in known if host.id not in reported),
    )


class _Ours:
    """What Oakum knows of one host, by all that a scanner may call it."""

    def __init__(self, host: Host, findings: Sequence[Finding], coverage: Coverage | None) -> None:
        self.host = host
        self.findings = findings
        self._by_cve: dict[CveId, list[Finding]] = defaultdict(list)
        names: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
        for finding in findings:
            self._by_cve[finding.cve].append(finding)
            source, packages = finding.source_name, finding.evidence.packages
            if (source, packages) not in names:
                names[source, packages] = _names(source, packages)
        self._names = names
        self._packages = frozenset[str]().union(*names.values())
        self._unknown: dict[str, str] = {}
        self._why_no_kernel = self.not_judged = ""
        if coverage is None:
            self.not_judged = NEVER_SCANNED
        elif not coverage.judged and coverage.unknown:
            self.not_judged = "{}: {}".format(*coverage.unknown[0])
        for what, why in coverage.unknown if coverage else ():
            if PACKAGE.fullmatch(what):
                self._unknown.setdefault(what.partition(":")[0], f"package {what} {why}")
            elif what.startswith("kernel "):
                self._why_no_kernel = f"{what}: {why}"

    def about(self, result: ScannerResult) -> tuple[Finding, ...]:
        """Return the findings that speak of the same CVE in the same package."""
        found = tuple(self._by_cve.get(result.cve, ()))
        if not result.package:
            return found
        same = tuple(
            finding
            for finding in found
            if result.package in self._names[finding.source_name, finding.evidence.packages]
        )
        is_another = result.package in self._packages or self._why_unknown(result.package)
        return same if same or is_another else found

    def why_silent(self, result: ScannerResult) -> str:
        """Return why there is no finding about a result."""
        unknown = self._why_unknown(result.package)
        if unknown:
            return f"unknown: {unknown}"
        others = sorted({finding.source_name for finding in self._by_cve.get(result.cve, ())})
        if others:
            return f"the vendor's statements on it are about {', '.join(others)}"
        return NO_STATEMENT

    def _why_unknown(self, package: str) -> str:
        """Return why Oakum cannot judge a package; empty when it can."""
        of_kernel = self._why_no_kernel if KERNEL.fullmatch(package) else ""
        return self.not_judged or self._unknown.get(package, "") or of_kernel


def _compare(
    ours: _Ours, claims: Mapping[ReportedHost, Sequence[ScannerResult]], *, every: bool
) -> HostComparison:
    grouped: dict[tuple[str, ...], list[ScannerResult]] = defaultdict(list)
    for result in (result for results in claims.values() for result in results):
        sources = [finding.source_name for finding in ours.about(result)]
        grouped[result.cve, *(sources or ["", ours.why_silent(result)])].append(result)
    agreed, only_theirs = [], []
    seen: set[tuple[str, str, str]] = set()
    for _, theirs in sorted(grouped.items()):
        cve, about = theirs[0].cve, ours.about(theirs[0])
        exposed = tuple(finding for finding in about if finding.state in EXPOSED)
        seen.update(finding.key for finding in exposed)
        if exposed:
            agreed.append(Agreed(cve, tuple(theirs), exposed))
        else:
            reason = "; ".join(map(_reason, about)) or ours.why_silent(theirs[0])
            only_theirs.append(OnlyTheirs(cve, tuple(theirs), reason, about))
    missed = [f for f in ours.findings if f.state in EXPOSED and f.key not in seen]
    wanted = tuple(finding for finding in missed if every or _is_to_do(finding))
    return HostComparison(
        host=ours.host,
        reported=tuple(claims),
        agreed=tuple(agreed),
        only_theirs=tuple(only_theirs),
        only_ours=wanted,
        left_out=len(missed) - len(wanted),
        not_judged=ours.not_judged,
    )


def _names(source: str, packages: Iterable[str]) -> frozenset[str]:
    """Return a source package and the binary packages of it that are installed."""
    binaries = (package.partition(" ")[0] for package in packages)
    return frozenset({source, *(binary.partition(":")[0] for binary in binaries)})


def _reason(finding: Finding) -> str:
    return f"{finding.source_name}: {finding.state.value}: {finding.evidence.rule}"


def _is_to_do(finding: Finding) -> bool:
    return finding.state not in OUT_OF_REACH and not finding.is_minor
