"""The queue: patches, not CVEs, in the order in which to do them, each with its reasons."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.matching.component import Component
from oakum.core.matching.finding import Finding
from oakum.core.matching.fleet import Exposed, HostSet, Rung
from oakum.core.risk.assessment import Assessment, Assessor, effective
from oakum.core.risk.disruption import Disruption, disruption_of
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
    _assessed: dict[tuple[CveId, Exposure, Criticality, date], Assessment] = field(
        default_factory=dict
    )

    def assess(self, cve: CveId, host: Host, since: date) -> Assessment:
        """Return what a CVE means on hosts like this one; computed once for each class."""
        key = (cve, host.exposure, host.criticality, since)
        if key not in self._assessed:
            self._assessed[key] = self.assessor.assess(self.population.of(cve), host, since)
        return self._assessed[key]


def build_queue(exposed: Iterable[Exposed], view: FleetView) -> tuple[QueueItem, ...]:
    """Return the queue: by lane, then deadline, then risk removed per disruption.

    Only what has a fix is in it, and of that nothing that the vendor calls unimportant.
    """
    by_source: dict[tuple[str, str], list[Exposed]] = defaultdict(list)
    for found in exposed:
        by_source[found.release, found.source].append(found)
    unranked = [_item(found, view) for found in by_source.values()]
    total = sum(entry.item.risk for entry in unranked)
    return _with_shares(sorted(unranked, key=_order), total)


def rank(lane: Lane, due: date | None, score: int) -> tuple[int, date, int]:
    """Return the place in the order: lane, then deadline, then risk removed per disruption."""
    return (lane.urgency, due or date.max, -score)


def _order(entry: _Unranked) -> tuple[int, date, int, str, str]:
    item = entry.item
    return (*rank(item.lane, item.due, entry.score), item.source_name, item.release)


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
    """One CVE on those hosts of one class that lack its fix."""

    cve: CveId
    answer: Assessment
    exposed: Exposed
    lacking: int
    members: HostSet

    @property
    def hosts(self) -> HostSet:
        """Return those hosts."""
        rungs = self.exposed.rungs[: self.lacking]
        return HostSet.union(*(rung.hosts for rung in rungs)) & self.members


def _item(exposed: Sequence[Exposed], view: FleetView) -> _Unranked:
    release, source = exposed[0].release, exposed[0].source
    assessed = list(_assess(exposed, view))
    cves = sorted({found.cve for found in assessed})
    known = {cve: view.population.of(cve) for cve in cves}
    worst = min(assessed, key=lambda found: _urgency(found.answer, known[found.cve]))
    first = min(assessed, key=lambda found: (found.answer.due or date.max, found.cve))
    risk = removable_risk(exposed, view.population)
    hosts = len(HostSet.union(*(rung.hosts for found in exposed for rung in found.rungs)))
    disruption = disruption_of(source)
    item = QueueItem(
        release=release,
        source_name=source,
        fixed_version=_highest(release, exposed),
        hosts=hosts,
        cves=tuple(cves),
        kev=tuple(cve for cve in cves if known[cve].kev is not None),
        max_epss_ppm=max(_epss(signal) for signal in known.values()),
        lane=worst.answer.lane,
        due=first.answer.due,
        restarts=hosts if disruption is Disruption.RESTART else 0,
        reboots=hosts if disruption is Disruption.REBOOT else 0,
        weaknesses=_weaknesses(known.values()),
        risk=risk,
        share_ppm=0,
        cumulative_ppm=0,
        why=_why(worst, known[worst.cve]) + _why_earlier(worst.answer, first),
        counterfactual=_counterfactual(assessed, worst.answer.lane, view.population.hosts),
    )
    return _Unranked(item, risk // (1 + disruption.cost))


def _weaknesses(known: Iterable[CveSignals]) -> tuple[Weakness, ...]:
    counts = Counter(cwe for signals in known for cwe in signals.cwes)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Weakness(cwe, cves) for cwe, cves in ordered[:LEADING_WEAKNESSES])


def _assess(exposed: Iterable[Exposed], view: FleetView) -> Iterator[_Assessed]:
    for found in exposed:
        for host, members in view.population.classes:
            since = list(_since(found.rungs, members))
            for fix in found.fixes:
                held = since[fix.lacking - 1]
                if held is not None:
                    said = fix.statement
                    began = held.began(said, view.began)
                    answer = view.assess(said.cve, host, began)
                    yield _Assessed(said.cve, answer, found, fix.lacking, members)


@dataclass(slots=True)
class _Since:
    """Since when the hosts of a class have been on some of the lowest rungs."""

    earliest: date
    late: list[tuple[Component, HostSet]]
    """Those that were on other rungs before, perhaps lacking the same fix already."""

    def began(self, said: VendorStatement, began: Began) -> date:
        """Return since when the first of them lacks a fix: not before the fix was known."""
        known = said.known_since or date.min
        if self.earliest <= known:
            return known
        before = [began(hosts, component, said) for component, hosts in self.late]
        return max(known, min([self.earliest, *before]))


def _since(rungs: Iterable[Rung], members: HostSet) -> Iterator[_Since | None]:
    """Give for each rung since when hosts of the class are on it or below; None where none is."""
    so_far: _Since | None = None
    for rung in rungs:
        for held in rung.holdings:
            if hosts := held.hosts & members:
                late = [(rung.component, hosts)] if held.is_successor else []
                if so_far is not None:
                    so_far = _Since(min(so_far.earliest, held.since), so_far.late + late)
                else:
                    so_far = _Since(held.since, late)
        yield so_far


def _highest(release: str, exposed: Iterable[Exposed]) -> str:
    versions = {fix.statement.fixed_version for found in exposed for fix in found.fixes}
    return max(versions, key=scheme_of(release).key)


def _urgency(assessment: Assessment, signals: CveSignals) -> tuple[int, date, int, str]:
    due = assessment.due or date.max
    return (assessment.lane.urgency, due, -_epss(signals), signals.cve)


def _risk(exposed: Exposed, population: Population) -> int:
    """Return the risk that the patch removes: over hosts, weight times P(some CVE is exploited)."""
    total, spared, fixes = 0, 1.0, iter(exposed.fixes)
    fix = next(fixes, None)
    for number in range(len(exposed.rungs), 0, -1):
        # From the highest rung down, each lacks what those above lack, and more.
        while fix is not None and fix.lacking >= number:
            spared *= 1 - probability(population.of(fix.statement.cve)) / MILLION
            fix = next(fixes, None)
        hosts = exposed.rungs[number - 1].hosts
        total += sum(
            hosts.intersection_cardinality(members) * round(_weight(host) * MILLION * (1 - spared))
            for host, members in population.classes
        )
    return total


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
        spared *= 1 - probability(signal) / MILLION
    return MILLION * (1 - spared)


def probability(signals: CveSignals) -> int:
    """Return how likely exploitation is, in millionths: certain for KEV, else EPSS, never 0."""
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
