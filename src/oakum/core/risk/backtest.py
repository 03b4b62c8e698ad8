"""A back-test: orders of CVEs as of a day, judged by what was found to be exploited after it.

Nothing that became known after the day may enter an order. The words are those of the reports
"Prioritization to Prediction" (P2P): efficiency is the share of what was chosen that was exploited,
coverage the share of what was exploited that was chosen, effort the share of all that was chosen.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from oakum.core.ids import CveId
from oakum.core.inventory.host import Host
from oakum.core.risk.assessment import CRITICAL_TENTHS, Assessor
from oakum.core.risk.disruption import disruption_of
from oakum.core.risk.frozen import FrozenCve, FrozenView
from oakum.core.risk.gain import Equals, area_under, hits_among_first
from oakum.core.risk.lane import Lane
from oakum.core.risk.proportion import Share, share
from oakum.core.risk.queue import probability, rank

HIGH_TENTHS = 70
LIKELY_PPM = 100_000
CAPACITY = 0.15
"""Share of what is open that the median organisation closes in a month (P2P volume 8)."""
URGENT = (Lane.IMMEDIATE, Lane.OUT_OF_CYCLE)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a strategy chose, beside all that it left."""

    cves: int
    patches: int
    """Source packages that have to be updated for it."""
    efficiency: Share | None
    """None where nothing was chosen."""
    coverage: Share | None
    """None where nothing was exploited."""
    effort: float
    fixed_by_patches: float
    """Share of all CVEs that those patches fix at once, on a host on which all of it is open."""
    patch_coverage: Share | None
    """The share of what was exploited that they fix at once: chance would give the share above."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one strategy did."""

    strategy: str
    choice: Choice | None
    """None where the strategy only orders and draws no line."""
    at_equal_effort: float
    """Exploited CVEs among the first of its order, as many as Oakum's urgent lanes hold.

    Where the line falls into equals, what is expected of them in no order.
    """
    at_capacity: float
    """The same, among as many as most organisations close in a month."""
    largest_tie: int
    """CVEs in the largest set of equals: how much the order leaves undecided."""
    area: float | None
    """Area under the curve of coverage over effort: 0.5 is chance. None without outcomes."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """All strategies on one frozen view."""

    on: date
    until: date
    cves: int
    exploited: tuple[CveId, ...]
    listed_before: int
    """CVEs that KEV had listed by the day: exploited, and no outcome."""
    with_cvss: int
    with_ssvc: int
    with_epss: int
    equal_effort: int
    """CVEs in Oakum's urgent lanes."""
    results: tuple[Result, ...]


Key = tuple[int | date, ...]
"""A place in an order: the smaller comes first, and equals have no order among them."""


@dataclass(frozen=True, slots=True)
class _Strategy:
    name: str
    key: Callable[[FrozenCve], Key]
    chooses: Callable[[FrozenCve], bool] | None = None


def run_backtest(view: FrozenView, assessor: Assessor, host: Host) -> Backtest:
    """Judge Oakum's order on this host, and the orders that others use, by the outcome."""
    places = {cve.signals.cve: _assessed(cve, assessor, host, view.on) for cve in view.cves}
    urgent = {cve for cve, (lane, _) in places.items() if lane in URGENT}
    oakum = _Strategy(
        "Oakum: immediate and out-of-cycle",
        lambda cve: places[cve.signals.cve][1],
        lambda cve: cve.signals.cve in urgent,
    )
    has_epss = any(cve.signals.epss is not None for cve in view.cves)
    strategies = (oakum, *OTHERS, *(EPSS if has_epss else ()), RANDOM)
    return Backtest(
        on=view.on,
        until=view.until,
        cves=len(view.cves),
        exploited=tuple(sorted(view.exploited)),
        listed_before=sum(cve.signals.kev is not None for cve in view.cves),
        with_cvss=sum(cve.signals.cvss is not None for cve in view.cves),
        with_ssvc=sum(cve.signals.ssvc is not None for cve in view.cves),
        with_epss=sum(cve.signals.epss is not None for cve in view.cves),
        equal_effort=len(urgent),
        results=tuple(_result(strategy, view, len(urgent)) for strategy in strategies),
    )


def _assessed(
    cve: FrozenCve, assessor: Assessor, host: Host, on: date
) -> tuple[Lane, tuple[int, date, int]]:
    """Return lane and place on a host that is seen on the day for the first time."""
    found = assessor.assess(cve.signals, host, on)
    disruption = min(disruption_of(source).cost for source in cve.first_fix.source_names)
    return found.lane, rank(found.lane, found.due, probability(cve.signals) // (1 + disruption))


OTHERS = (
    _Strategy(
        "CVSS >= 7", lambda cve: (-cve.cvss_tenths,), lambda cve: cve.cvss_tenths >= HIGH_TENTHS
    ),
    _Strategy(
        "CVSS >= 9",
        lambda cve: (-cve.cvss_tenths,),
        lambda cve: cve.cvss_tenths >= CRITICAL_TENTHS,
    ),
    _Strategy(
        "KEV", lambda cve: (cve.signals.kev is None,), lambda cve: cve.signals.kev is not None
    ),
    _Strategy("oldest fix first", lambda cve: (cve.first_fix.on,)),
)
EPSS = (
    _Strategy("EPSS >= 10 %", lambda cve: (-cve.epss_ppm,), lambda cve: cve.epss_ppm >= LIKELY_PPM),
)
RANDOM = _Strategy("in no order (chance)", lambda _: (0,))


def _result(strategy: _Strategy, view: FrozenView, equal_effort: int) -> Result:
    groups = list(_groups(strategy.key, view))
    return Result(
        strategy=strategy.name,
        choice=_choice(strategy.chooses, view) if strategy.chooses is not None else None,
        at_equal_effort=hits_among_first(equal_effort, groups),
        at_capacity=hits_among_first(round(CAPACITY * len(view.cves)), groups),
        largest_tie=max(equals.cases for equals in groups),
        area=area_under(groups),
    )


def _choice(chooses: Callable[[FrozenCve], bool], view: FrozenView) -> Choice:
    chosen = [cve for cve in view.cves if chooses(cve)]
    hits = sum(cve.signals.cve in view.exploited for cve in chosen)
    patches = {source for cve in chosen for source in cve.first_fix.source_names}
    fixed = [cve for cve in view.cves if not patches.isdisjoint(cve.first_fix.source_names)]
    return Choice(
        cves=len(chosen),
        patches=len(patches),
        efficiency=share(hits, len(chosen)),
        coverage=share(hits, len(view.exploited)),
        patch_coverage=share(
            sum(cve.signals.cve in view.exploited for cve in fixed), len(view.exploited)
        ),
        effort=len(chosen) / len(view.cves),
        fixed_by_patches=len(fixed) / len(view.cves),
    )


def _groups(key: Callable[[FrozenCve], Key], view: FrozenView) -> Iterator[Equals]:
    found: Mapping[Key, list[bool]] = defaultdict(list)
    for cve in view.cves:
        found[key(cve)].append(cve.signals.cve in view.exploited)
    for place in sorted(found):
        yield Equals(len(found[place]), sum(found[place]))
