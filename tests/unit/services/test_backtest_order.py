from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.first_fix import AdvisoryFix
from oakum.core.advisories.signals import CveSignals, CvssScore, EpssScore, KevEntry
from oakum.core.errors import InputError
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.backtest import Backtest
from oakum.ports.advisory_feed import DatedSignals, FrozenFeeds
from oakum.services.backtest_order import backtest_order

FIRST, SECOND, LATE, UNFIXED = (CveId(f"CVE-2025-000{n}") for n in range(4))
HOST = Host(HostId("h"), "h", "", 0, "", "", datetime(1970, 1, 1, tzinfo=UTC))


def listed(cve: CveId, on: date) -> CveSignals:
    return CveSignals(cve, kev=KevEntry(cve, on, None, is_used_by_ransomware=False))


EARLY = listed(FIRST, date(2025, 3, 1))
FEEDS = FrozenFeeds(
    kev=DatedSignals(date(2025, 6, 1), (EARLY,)),
    until_kev=DatedSignals(
        date(2026, 6, 1),
        (
            EARLY,
            listed(SECOND, date(2025, 9, 1)),
            listed(LATE, date(2025, 10, 1)),
            listed(UNFIXED, date(2025, 10, 1)),
        ),
    ),
    epss=None,
    severity=(
        CveSignals(SECOND, cvss=CvssScore("", 98, "cna")),
        CveSignals(SECOND, cvss=CvssScore("", 12, "nvd"), cwes=("CWE-1",)),
    ),
    fixes=(
        AdvisoryFix(FIRST, "x", "bookworm", date(2025, 1, 1)),
        AdvisoryFix(SECOND, "x", "bookworm", date(2025, 1, 1)),
        AdvisoryFix(LATE, "y", "trixie", date(2025, 8, 1)),
    ),
    unreadable=(),
)


def backtest(feeds: FrozenFeeds, on: date | None = None, *releases: str) -> Backtest:
    return backtest_order(feeds, Assessor(shipped_tables(), ("ncsc",)), HOST, on, releases)


def test_without_a_day_it_is_that_of_the_catalogue() -> None:
    """What was fixed later is no case; what was listed later is the outcome."""
    found = backtest(FEEDS)
    assert (found.on, found.until) == (date(2025, 6, 1), date(2026, 6, 1))
    assert (found.cves, found.listed_before, found.exploited) == (2, 1, (SECOND,))


def test_entries_are_known_from_the_day_they_were_added() -> None:
    """On a later day an entry of the later catalogue is known, and is no outcome any more."""
    found = backtest(FEEDS, date(2025, 9, 1))
    assert (found.cves, found.listed_before, found.exploited) == (3, 2, (LATE,))


def test_the_first_file_that_knows_a_score_counts() -> None:
    """So that the order of the options says whose word comes first."""
    choices = {r.strategy: r.choice for r in backtest(FEEDS).results}
    severe = choices["CVSS >= 9"]
    assert severe is not None
    assert severe.cves == 1


def test_only_some_releases() -> None:
    """A case is what was fixed there."""
    assert backtest(FEEDS, date(2025, 9, 1), "trixie").exploited == (LATE,)
    with pytest.raises(InputError, match="no advisory"):
        backtest(FEEDS, None, "trixie")


def test_scores_of_a_later_day_are_refused() -> None:
    """EPSS learns from exploitation: it would know the outcome."""
    scores = DatedSignals(date(2025, 9, 1), (CveSignals(SECOND, epss=EpssScore(SECOND, 9)),))
    feeds = replace(FEEDS, epss=scores)
    with pytest.raises(InputError, match="not known on 2025-08-31"):
        backtest(feeds, date(2025, 8, 31))
    assert (backtest(feeds).on, backtest(feeds).with_epss) == (date(2025, 9, 1), 1)


def test_an_outcome_of_before_the_day_is_refused() -> None:
    """Two catalogues the wrong way round would show that nothing was exploited."""
    with pytest.raises(InputError, match="not after"):
        backtest(FEEDS, date(2026, 6, 1))
