"""The queue: patches, not CVEs, in the order in which to do them, each with its reasons."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce

from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.matching.finding import Finding
from oakum.core.risk.assessment import Assessment, Assessor, effective
from oakum.core.risk.disruption import Disruption, disruption_of
from oakum.core.risk.lane import Lane

MILLION = 1_000_000
EXPOSURE_WEIGHT = {Exposure.OPEN: 100, Exposure.CONTROLLED: 30, Exposure.SMALL: 10}
CRITICALITY_WEIGHT = {
    Criticality.LOW: 1,
    Criticality.MEDIUM: 2,
    Criticality.HIGH: 4,
    Criticality.VERY_HIGH: 8,
}
BASE_PPM = 1_000
"""Every open finding carries some risk, also where EPSS has no score for it."""
LEADING_WEAKNESSES = 3


@dataclass(frozen=True, slots=True)
class Weakness:
    """A kind of mistake (CWE), and how many of a patch's CVEs are of it."""

    cwe: str
    cves: int


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One source-package update over the fleet."""

    source_name: str
    fixed_version: str
    """The highest fixed version that any of its findings names."""
    hosts: tuple[HostId, ...]
    cves: tuple[CveId, ...]
    kev: tuple[CveId, ...]
    max_epss_ppm: int
    lane: Lane
    due: date | None
    restarts: int
    """Hosts on which services are expected to restart; a plan's simulation names the units."""
    reboots: int
    """Hosts that are expected to need a reboot."""
    weaknesses: tuple[Weakness, ...]
    """The leading kinds of its CVEs, most frequent first; a CVE may be of several, or of none."""
    risk: int
    """Risk that it removes: over its hosts, weight times the probability in millionths."""
    share_ppm: int
    """Share of all risk that can be removed by patching, parts per million."""
    cumulative_ppm: int
    why: str
    counterfactual: str


@dataclass(frozen=True, slots=True)
class _Unranked:
    item: QueueItem
    score: int


Newest = Callable[[str, str], str]
"""Returns the later of two versions."""


@dataclass(frozen=True, slots=True)
class FleetView:
    """What the queue is made from, beside the findings."""

    hosts: Mapping[HostId, Host]
    signals: Mapping[CveId, CveSignals]
    first_seen: Mapping[tuple[str, str, str], date]
    """For each finding's key, when its fix was first seen: deadlines run from there."""
    assessor: Assessor
    newest: Newest


def build_queue(findings: Iterable[Finding], view: FleetView) -> tuple[QueueItem, ...]:
    """Return the queue: by lane, then deadline, then risk removed per disruption.

    Only findings with a fix are in it, and of those none that the vendor calls unimportant.
    """
    by_source: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.is_to_patch:
            by_source[finding.source_name].append(finding)
    unranked = [_item(source, found, view) for source, found in by_source.items()]
    total = sum(entry.item.risk for entry in unranked)
    return _with_shares(sorted(unranked, key=_order), total)


def rank(lane: Lane, due: date | None, score: int) -> tuple[int, date, int]:
    """Return the place in the order: lane, then deadline, then risk removed per disruption."""
    return (lane.urgency, due or date.max, -score)


def _order(entry: _Unranked) -> tuple[int, date, int, str]:
    return (*rank(entry.item.lane, entry.item.due, entry.score), entry.item.source_name)


def _with_shares(ordered: Sequence[_Unranked], total: int) -> tuple[QueueItem, ...]:
    items, removed = list[QueueItem](), 0
    for entry in ordered:
        item = entry.item
        before = MILLION * removed // total if total else 0
        removed += item.risk
        after = MILLION * removed // total if total else 0
        items.append(replace(item, share_ppm=after - before, cumulative_ppm=after))
    return tuple(items)


def _item(source: str, findings: Sequence[Finding], view: FleetView) -> _Unranked:
    known = {f.cve: view.signals.get(f.cve) or CveSignals(f.cve) for f in findings}
    assessed = [
        (view.assessor.assess(known[f.cve], view.hosts[f.host], view.first_seen[f.key]), f)
        for f in findings
    ]
    worst, finding = min(assessed, key=lambda pair: _urgency(pair[0], known[pair[1].cve]))
    first, first_due = min(assessed, key=lambda pair: (pair[0].due or date.max, pair[1].cve))
    fixed = reduce(view.newest, (found.evidence.fixed_version for found in findings))
    risk = _risk(findings, view.hosts, known)
    hosts, disruption = tuple(sorted({f.host for f in findings})), disruption_of(source)
    item = QueueItem(
        source_name=source,
        fixed_version=fixed,
        hosts=hosts,
        cves=tuple(sorted(known)),
        kev=tuple(sorted(cve for cve, signal in known.items() if signal.kev is not None)),
        max_epss_ppm=max(_epss(signal) for signal in known.values()),
        lane=worst.lane,
        due=first.due,
        restarts=len(hosts) if disruption is Disruption.RESTART else 0,
        reboots=len(hosts) if disruption is Disruption.REBOOT else 0,
        weaknesses=_weaknesses(known.values()),
        risk=risk,
        share_ppm=0,
        cumulative_ppm=0,
        why=_why(worst, finding, known[finding.cve]) + _why_earlier(worst, first, first_due),
        counterfactual=_counterfactual(assessed, worst.lane, view.hosts),
    )
    return _Unranked(item, risk // (1 + disruption.cost))


def _weaknesses(known: Iterable[CveSignals]) -> tuple[Weakness, ...]:
    counts = Counter(cwe for signals in known for cwe in signals.cwes)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Weakness(cwe, cves) for cwe, cves in ordered[:LEADING_WEAKNESSES])


def _urgency(assessment: Assessment, signals: CveSignals) -> tuple[int, date, int, str]:
    due = assessment.due or date.max
    return (assessment.lane.urgency, due, -_epss(signals), signals.cve)


def _risk(
    findings: Sequence[Finding], hosts: Mapping[HostId, Host], known: Mapping[CveId, CveSignals]
) -> int:
    """Return the risk that the patch removes: over hosts, weight times P(some CVE is exploited)."""
    of_host: dict[HostId, float] = defaultdict(lambda: 1.0)
    for finding in findings:
        of_host[finding.host] *= 1 - probability(known[finding.cve]) / MILLION
    return sum(
        round(_weight(hosts[host]) * MILLION * (1 - spared)) for host, spared in of_host.items()
    )


def risk_of(
    findings: Iterable[Finding],
    hosts: Mapping[HostId, Host],
    signals: Mapping[CveId, CveSignals],
) -> int:
    """Return the risk that goes when these findings are closed, in the queue's own measure."""
    by_source: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_source[finding.source_name].append(finding)
    return sum(
        _risk(found, hosts, {f.cve: signals.get(f.cve) or CveSignals(f.cve) for f in found})
        for found in by_source.values()
    )


def probability(signals: CveSignals) -> int:
    """Return how likely exploitation is, in millionths: certain for KEV, else EPSS, never 0."""
    if signals.kev is not None:
        return MILLION
    return max(BASE_PPM, _epss(signals))


def _weight(host: Host) -> int:
    return EXPOSURE_WEIGHT[effective(host.exposure)] * CRITICALITY_WEIGHT[host.criticality]


def _epss(signals: CveSignals) -> int:
    return signals.epss.probability_ppm if signals.epss is not None else 0


def _why(assessment: Assessment, finding: Finding, signals: CveSignals) -> str:
    reasons = [f"{finding.cve}: exploitation {assessment.exploitation.value}"]
    if signals.kev is not None:
        ransom = ", used by ransomware" if signals.kev.is_used_by_ransomware else ""
        reasons.append(f"in KEV since {signals.kev.added_on}{ransom}")
    if signals.epss is not None:
        reasons.append(f"EPSS {signals.epss.probability_ppm / 10_000:.2f} %")
    if signals.cvss is not None:
        reasons.append(f"CVSS {signals.cvss.base_tenths / 10} ({signals.cvss.source})")
    reasons.append(assessment.deadline_row)
    return "; ".join(reasons)


def _why_earlier(worst: Assessment, first: Assessment, finding: Finding) -> str:
    """Name the CVE that sets the date, where it is not the one that sets the lane."""
    if first.due == worst.due:
        return ""
    return f"; the date is {finding.cve}'s: {first.deadline_row}"


def _counterfactual(
    assessed: Sequence[tuple[Assessment, Finding]], lane: Lane, hosts: Mapping[HostId, Host]
) -> str:
    """Say what the lane would be if the hosts that cause it were not exposed; empty if the same."""
    otherwise = min((a.unexposed_lane for a, _ in assessed), key=lambda other: other.urgency)
    if otherwise is lane:
        return ""
    causes = {f.host for a, f in assessed if a.lane.urgency < otherwise.urgency}
    names = sorted(hosts[host].name for host in causes)
    who = f"{names[0]} were" if len(names) == 1 else f"its {len(names)} exposed hosts were"
    return f"would be {otherwise.value} if {who} not exposed"
