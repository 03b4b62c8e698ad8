from datetime import UTC, date, datetime

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.first_fix import AdvisoryFix, FirstFix, first_fixes
from oakum.core.advisories.signals import (
    CveSignals,
    CvssScore,
    EpssScore,
    Exploitation,
    KevEntry,
    SsvcDecisionPoints,
    TechnicalImpact,
)
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.backtest import Backtest, Result, run_backtest
from oakum.core.risk.frozen import FrozenCve, FrozenView

DAY = date(2026, 1, 1)
HOST = Host(
    HostId("h"), "h", "", 0, "", "", datetime(1970, 1, 1, tzinfo=UTC),
    exposure=Exposure.OPEN, criticality=Criticality.MEDIUM,
)  # fmt: skip
ACTIVE = SsvcDecisionPoints(Exploitation.ACTIVE, True, TechnicalImpact.TOTAL)  # noqa: FBT003
LISTED, SEEN, LIKELY, SEVERE, PLAIN = (CveId(f"CVE-2025-000{n}") for n in range(5))
SIGNALS = (
    CveSignals(LISTED, kev=KevEntry(LISTED, DAY, None, is_used_by_ransomware=False)),
    CveSignals(SEEN, ssvc=ACTIVE, cvss=CvssScore("", 75, "cna")),
    CveSignals(LIKELY, epss=EpssScore(LIKELY, 100_000), cvss=CvssScore("", 90, "cna")),
    CveSignals(SEVERE, epss=EpssScore(SEVERE, 10), cvss=CvssScore("", 98, "cna")),
    CveSignals(PLAIN),
)
FIXED = FirstFix(date(2025, 6, 1), frozenset({"nginx"}))


def backtest(*exploited: CveId, signals: tuple[CveSignals, ...] = SIGNALS) -> Backtest:
    cves = tuple(FrozenCve(signal, FIXED) for signal in signals)
    view = FrozenView(DAY, date(2026, 7, 1), cves, set(exploited))
    return run_backtest(view, Assessor(shipped_tables(), ("asd-e8",)), HOST)


def result(found: Backtest, name: str) -> Result:
    return next(r for r in found.results if r.strategy.startswith(name))


def test_oakum_chooses_what_its_urgent_lanes_hold() -> None:
    """Exploited by KEV or by SSVC, whatever the score; two of five, one of them a hit."""
    choice = result(backtest(SEEN, PLAIN), "Oakum").choice
    assert choice is not None
    assert (choice.cves, choice.effort, choice.patches) == (2, 0.4, 1)
    assert choice.efficiency is not None
    assert choice.coverage is not None
    assert choice.patch_coverage is not None
    assert (choice.efficiency.value, choice.coverage.value) == (0.5, 0.5)
    assert (choice.patch_coverage.hits, choice.fixed_by_patches) == (
        2,
        1,
    )  # all five are fixed by one patch of nginx


def test_every_strategy_draws_its_own_line() -> None:
    """Both bounds count as above; what has no score is below all."""
    chosen = {r.strategy: r.choice and r.choice.cves for r in backtest(SEEN).results}
    assert chosen == {
        "Oakum: immediate and out-of-cycle": 2,
        "CVSS >= 7": 3,
        "CVSS >= 9": 2,
        "KEV": 1,
        "oldest fix first": None,
        "EPSS >= 10 %": 1,
        "in no order (chance)": None,
    }


def test_orders_are_compared_at_the_effort_of_the_urgent_lanes() -> None:
    """Oakum's first two, EPSS's first two, and what chance would find among two of five."""
    found = backtest(SEEN, SEVERE)
    assert found.equal_effort == 2
    assert result(found, "Oakum").at_equal_effort == 1
    assert result(found, "EPSS").at_equal_effort == 1
    assert result(found, "CVSS >= 9").at_equal_effort == 1
    assert result(found, "in no order").at_equal_effort == 0.8
    assert result(found, "in no order").area == 0.5
    assert result(found, "in no order").largest_tie == 5


def test_without_scores_of_the_day_epss_is_no_strategy() -> None:
    """An order by scores that are all missing would be chance under a good name."""
    found = backtest(SEEN, signals=SIGNALS[:2])
    assert found.with_epss == 0
    assert all("EPSS" not in r.strategy for r in found.results)


def test_without_an_outcome_nothing_is_said_of_coverage() -> None:
    """Not even that it is 0 %."""
    found = backtest()
    assert found.exploited == ()
    assert all(r.area is None for r in found.results)
    assert all(r.choice is None or r.choice.coverage is None for r in found.results)


def test_only_fixes_of_the_past_are_seen() -> None:
    """The first day counts, and a package that is fixed later is not among the patches."""
    fixes = (
        AdvisoryFix(SEEN, "nginx", "bookworm", date(2025, 7, 1)),
        AdvisoryFix(SEEN, "nginx", "bullseye", date(2025, 6, 1)),
        AdvisoryFix(SEEN, "angie", "trixie", date(2026, 1, 2)),
        AdvisoryFix(PLAIN, "linux", "trixie", date(2026, 1, 2)),
    )
    assert first_fixes(fixes, DAY) == {SEEN: FIXED}
