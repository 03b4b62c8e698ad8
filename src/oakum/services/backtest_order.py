"""Back-test the order: what was known on a day, against what was exploited after it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from oakum.core.advisories.first_fix import AdvisoryFix, FirstFix, first_fixes
from oakum.core.advisories.signals import CveSignals, KevEntry
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.inventory.host import Host
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.backtest import Backtest, run_backtest
from oakum.core.risk.frozen import FrozenCve, FrozenView
from oakum.ports.advisory_feed import DatedSignals, FrozenFeeds


def backtest_order(
    feeds: FrozenFeeds, assessor: Assessor, host: Host, on: date | None, releases: Iterable[str]
) -> Backtest:
    """Return how the order did; without a day, on that of the newest of KEV and EPSS.

    Raises InputError where the files would let the order see what came after the day.
    """
    day = on or max(feed.as_of for feed in (feeds.kev, feeds.epss) if feed is not None)
    _require_no_look_ahead(feeds, day)
    return run_backtest(_view(feeds, day, set(releases)), assessor, host)


def _require_no_look_ahead(feeds: FrozenFeeds, day: date) -> None:
    if feeds.epss is not None and feeds.epss.as_of > day:
        raise InputError(
            f"EPSS of {feeds.epss.as_of} was not known on {day}",
            hint="give the scores of that day, or none: the back-test then leaves EPSS out",
        )
    if feeds.until_kev.as_of <= day:
        raise InputError(
            f"the later KEV catalogue is of {feeds.until_kev.as_of}, which is not after {day}",
            hint="--until-kev FILE tells what was exploited after the day",
        )


def _view(feeds: FrozenFeeds, day: date, releases: set[str]) -> FrozenView:
    fixes = (fix for fix in feeds.fixes if not releases or fix.release in releases)
    fixed = _require_fixes(fixes, day)
    known, listed_after = _kev(feeds, day)
    epss = _by_cve(feeds.epss)
    severity: dict[CveId, CveSignals] = {}
    for signals in feeds.severity:
        seen = severity.get(signals.cve)
        severity[signals.cve] = seen.laid_over(signals) if seen else signals
    cves = []
    for cve, first_fix in fixed.items():
        signals = severity.get(cve, CveSignals(cve))
        score = epss[cve].epss if cve in epss else None
        cves.append(FrozenCve(replace(signals, kev=known.get(cve), epss=score), first_fix))
    return FrozenView(day, feeds.until_kev.as_of, cves, listed_after & fixed.keys())


def _require_fixes(fixes: Iterable[AdvisoryFix], day: date) -> Mapping[CveId, FirstFix]:
    found = first_fixes(fixes, day)
    if not found:
        raise InputError(
            f"no advisory in the lists had fixed anything by {day}",
            hint="is the release written as Debian names it, `bookworm`?",
        )
    return found


def _kev(feeds: FrozenFeeds, day: date) -> tuple[Mapping[CveId, KevEntry], set[CveId]]:
    """Return the entries by the day, of either catalogue, and the CVEs that came after it."""
    entries = [
        signals.kev
        for feed in (feeds.until_kev, feeds.kev)
        for signals in feed.signals
        if signals.kev is not None
    ]
    known = {entry.cve: entry for entry in entries if entry.added_on <= day}
    until = feeds.until_kev.as_of
    after = {entry.cve for entry in entries if day < entry.added_on <= until}
    return known, after - known.keys()


def _by_cve(feed: DatedSignals | None) -> Mapping[CveId, CveSignals]:
    return {signals.cve: signals for signals in feed.signals} if feed is not None else {}
