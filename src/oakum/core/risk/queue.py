"""The queue: patches, not CVEs, in the order in which to do them, each with its reasons."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.matching.component import Component
from oakum.core.matching.finding import Finding
from oakum.core.matching.fleet import Exposed, HostSet
from oakum.core.risk.assessment import Assessment, Assessor, effective
from oakum.core.risk.lane import Lane
from oakum.core.versions.scheme import scheme_of

MILLION = 1_000_000
EXPOSURE_WEIGHT = {Exposure.OPEN: 100, Exposure.CONTROLLED: 30, Exposure.SMALL: 10}
CRITICALITY_WEIGHT = {
    Criticality.LOW: 1,
    Criticality.MEDIUM: 2,
    Criticality.HIGH: 4,
    Criticality.VERY_HIGH: 8,
}
REBOOT_COST, RESTART_COST = 4, 1
"""Disruption of a patch beside the patching itself, which counts 1."""
BASE_PPM = 1_000
"""Every open finding carries some risk, also where EPSS has no score for it."""
NEEDS_REBOOT = re.compile(r"linux(?:-.+)?|kernel(?:-.+)?|systemd|dbus|dbus-broker|glibc")


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One source-package update over the fleet."""

    release: str
    source_name: str
    fixed_version: str
    """The highest fixed version that any of its CVEs needs."""
    hosts: int
    """How many need it; `oakum findings --package` says which."""
    cves: tuple[CveId, ...]
    kev: tuple[CveId, ...]
    max_epss_ppm: int
    lane: Lane
    due: date | None
    needs_reboot: bool
    risk: int
    share_ppm: int
    """Share of all risk that can be removed by patching, parts per million."""
    cumulative_ppm: int
    why: str
    counterfactual: str


@dataclass(frozen=True, slots=True)
class _Unranked:
    item: QueueItem
    score: int


Began = Callable[[HostSet, Component, VendorStatement], date]
"""Returns since when the first of some hosts has lacked a fix, also in earlier versions."""


@dataclass(frozen=True)
class Population:
    """The hosts, and what is known of the CVEs."""

    hosts: Mapping[int, Host]
    """By the number that host sets know it by."""
    signals: Mapping[CveId, CveSignals]

    @cached_property
    def classes(self) -> Sequence[tuple[Host, HostSet]]:
        """Return the hosts by exposure and criticality, each class with one of them."""
        found: dict[tuple[Exposure, Criticality], HostSet] = defaultdict(HostSet)
        for number, host in self.hosts.items():
            found[effective(host.exposure), host.criticality].add(number)
        return [(self.hosts[members.min()], members) for members in found.values()]

    def of(self, cve: CveId) -> CveSignals:
        """Return what is known of a CVE."""
        return self.signals.get(cve) or CveSignals(cve)


@dataclass(frozen=True, slots=True)
class FleetView:
    """What the queue is made from, beside the exposed components."""

    population: Population
    assessor: Assessor
    began: Began


def build_queue(exposed: Iterable[Exposed], view: FleetView) -> tuple[QueueItem, ...]:
    """Return the queue: by lane, then deadline, then risk removed per disruption.

    Only what has a fix is in it, and of that nothing that the vendor calls unimportant.
    """
    by_source: dict[tuple[str, str], list[Exposed]] = defaultdict(list)
    for found in exposed:
        by_source[found.component.release, found.component.source].append(found)
    unranked = [_item(found, view) for found in by_source.values()]
    total = sum(entry.item.risk for entry in unranked)
    return _with_shares(sorted(unranked, key=_order), total)


def _order(entry: _Unranked) -> tuple[int, date, int, str, str]:
    due = entry.item.due or date.max
    item = entry.item
    return (item.lane.urgency, due, -entry.score, item.source_name, item.release)


def _with_shares(ordered: Sequence[_Unranked], total: int) -> tuple[QueueItem, ...]:
    items, removed = list[QueueItem](), 0
    for entry in ordered:
        item = entry.item
        before = MILLION * removed // total if total else 0
        removed += item.risk
        after = MILLION * removed // total if total else 0
        items.append(replace(item, share_ppm=after - before, cumulative_ppm=after))
    return tuple(items)


@dataclass(frozen=True, slots=True)
class _Assessed:
    """One CVE on one class of hosts."""

    cve: CveId
    answer: Assessment
    hosts: HostSet


def _item(exposed: Sequence[Exposed], view: FleetView) -> _Unranked:
    component = exposed[0].component
    assessed = list(_assess(exposed, view))
    cves = sorted({found.cve for found in assessed})
    known = {cve: view.population.of(cve) for cve in cves}
    worst = min(assessed, key=lambda found: _urgency(found.answer, known[found.cve]))
    first = min(assessed, key=lambda found: (found.answer.due or date.max, found.cve))
    risk = removable_risk(exposed, view.population)
    needs_reboot = bool(NEEDS_REBOOT.fullmatch(component.source))
    item = QueueItem(
        release=component.release,
        source_name=component.source,
        fixed_version=_highest(component.release, exposed),
        hosts=len(HostSet.union(*(found.hosts for found in exposed))),
        cves=tuple(cves),
        kev=tuple(cve for cve in cves if known[cve].kev is not None),
        max_epss_ppm=max(_epss(signal) for signal in known.values()),
        lane=worst.answer.lane,
        due=first.answer.due,
        needs_reboot=needs_reboot,
        risk=risk,
        share_ppm=0,
        cumulative_ppm=0,
        why=_why(worst, known[worst.cve]) + _why_earlier(worst.answer, first),
        counterfactual=_counterfactual(assessed, worst.answer.lane, view.population.hosts),
    )
    disruption = 1 + (REBOOT_COST if needs_reboot else RESTART_COST)
    return _Unranked(item, risk // disruption)


def _assess(exposed: Iterable[Exposed], view: FleetView) -> Iterator[_Assessed]:
    for found in exposed:
        for host, members in view.population.classes:
            hosts = found.hosts & members
            if hosts:
                for said in found.missing:
                    since = _since(found, hosts, said, view.began)
                    answer = view.assessor.assess(view.population.of(said.cve), host, since)
                    yield _Assessed(said.cve, answer, hosts)


def _since(exposed: Exposed, hosts: HostSet, said: VendorStatement, began: Began) -> date:
    """Return since when the first of these hosts lacks a fix: not before the fix was known."""
    held = [holding for holding in exposed.holdings if holding.hosts & hosts]
    earliest, known = min(holding.since for holding in held), said.known_since or date.min
    if earliest <= known:
        return known
    late = [holding.hosts & hosts for holding in held if holding.is_successor]
    if late:
        earliest = min(earliest, began(HostSet.union(*late), exposed.component, said))
    return max(earliest, known)


def _highest(release: str, exposed: Iterable[Exposed]) -> str:
    versions = {said.fixed_version for found in exposed for said in found.missing}
    return max(versions, key=scheme_of(release).key)


def _urgency(assessment: Assessment, signals: CveSignals) -> tuple[int, date, int, str]:
    due = assessment.due or date.max
    return (assessment.lane.urgency, due, -_epss(signals), signals.cve)


def _risk(exposed: Exposed, population: Population) -> int:
    """Return the risk that the patch removes: over hosts, weight times P(some CVE is exploited)."""
    each = _exploited(population.of(said.cve) for said in exposed.missing)
    return sum(
        len(exposed.hosts & members) * round(_weight(host) * each)
        for host, members in population.classes
    )


def removable_risk(exposed: Iterable[Exposed], population: Population) -> int:
    """Return all the risk that patching can remove, in the queue's measure."""
    return sum(_risk(found, population) for found in exposed)


def risk_of(
    findings: Iterable[Finding],
    hosts: Mapping[HostId, Host],
    signals: Mapping[CveId, CveSignals],
) -> int:
    """Return the risk that goes when these findings are closed, in the queue's own measure."""
    by_patch: dict[tuple[HostId, str], list[CveId]] = defaultdict(list)
    for finding in findings:
        by_patch[finding.host, finding.source_name].append(finding.cve)
    return sum(
        round(_weight(hosts[host]) * _exploited(signals.get(c) or CveSignals(c) for c in cves))
        for (host, _), cves in by_patch.items()
    )


def _exploited(signals: Iterable[CveSignals]) -> float:
    """Return the probability, in millionths, that some of these is exploited within 30 days."""
    spared = 1.0
    for signal in signals:
        spared *= 1 - _probability(signal) / MILLION
    return MILLION * (1 - spared)


def _probability(signals: CveSignals) -> int:
    if signals.kev is not None:
        return MILLION
    return max(BASE_PPM, _epss(signals))


def _weight(host: Host) -> int:
    return EXPOSURE_WEIGHT[effective(host.exposure)] * CRITICALITY_WEIGHT[host.criticality]


def _epss(signals: CveSignals) -> int:
    return signals.epss.probability_ppm if signals.epss is not None else 0


def _why(found: _Assessed, signals: CveSignals) -> str:
    reasons = [f"{found.cve}: exploitation {found.answer.exploitation.value}"]
    if signals.kev is not None:
        ransom = ", used by ransomware" if signals.kev.is_used_by_ransomware else ""
        reasons.append(f"in KEV since {signals.kev.added_on}{ransom}")
    if signals.epss is not None:
        reasons.append(f"EPSS {signals.epss.probability_ppm / 10_000:.2f} %")
    if signals.cvss is not None:
        reasons.append(f"CVSS {signals.cvss.base_tenths / 10} ({signals.cvss.source})")
    reasons.append(found.answer.deadline_row)
    return "; ".join(reasons)


def _why_earlier(worst: Assessment, first: _Assessed) -> str:
    """Name the CVE that sets the date, where it is not the one that sets the lane."""
    if first.answer.due == worst.due:
        return ""
    return f"; the date is {first.cve}'s: {first.answer.deadline_row}"


def _counterfactual(assessed: Sequence[_Assessed], lane: Lane, hosts: Mapping[int, Host]) -> str:
    """Say what the lane would be if the hosts that cause it were not exposed; empty if the same."""
    otherwise = min(
        (found.answer.unexposed_lane for found in assessed), key=lambda other: other.urgency
    )
    if otherwise is lane:
        return ""
    urgent = [f.hosts for f in assessed if f.answer.lane.urgency < otherwise.urgency]
    causes = HostSet.union(*urgent)
    is_one = len(causes) == 1
    who = f"{hosts[causes.min()].name} were" if is_one else f"its {len(causes)} exposed hosts were"
    return f"would be {otherwise.value} if {who} not exposed"
