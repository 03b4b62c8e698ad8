from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.signals import (
    CveSignals,
    CvssScore,
    Exploitation,
    KevEntry,
    Reservation,
    SsvcDecisionPoints,
    TechnicalImpact,
)
from oakum.core.errors import InputError
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.lane import CisaDecision, Lane

CVE = CveId("CVE-2026-0001")
SEEN = date(2026, 11, 1)
ALL = ("bod-26-04", "ncsc", "asd-e8")
KEV = KevEntry(CVE, SEEN, None, is_used_by_ransomware=True)
QUIET = SsvcDecisionPoints(Exploitation.NONE, automatable=False, technical_impact=TechnicalImpact.PARTIAL)  # fmt: skip # noqa: E501
POC = SsvcDecisionPoints(Exploitation.POC, automatable=True, technical_impact=TechnicalImpact.TOTAL)  # fmt: skip # noqa: E501


def host(exposure: Exposure, criticality: Criticality = Criticality.MEDIUM) -> Host:
    added = datetime(2026, 1, 1, tzinfo=UTC)
    return Host(
        HostId("h"), "web-1", "192.0.2.1", 22, "root", "", added,
        exposure=exposure, criticality=criticality,
    )  # fmt: skip


def assessor(*policies: str) -> Assessor:
    return Assessor(shipped_tables(), policies or ALL)


def test_the_earliest_enabled_policy_sets_the_date_and_is_named() -> None:
    """The minimum over all enabled policies, with the row that fired."""
    found = assessor().assess(CveSignals(CVE, ssvc=QUIET), host(Exposure.OPEN), SEEN)
    assert found.due == SEEN + timedelta(days=5)
    assert found.deadline_row == "ncsc v2: 5 days (internet-facing: 5 days)"


def test_without_a_policy_there_is_no_date() -> None:
    """`Fix on system upgrade` is an answer, and is said in words."""
    found = assessor("bod-26-04").assess(CveSignals(CVE, ssvc=QUIET), host(Exposure.SMALL), SEEN)
    assert found.due is None
    assert "no date" in found.deadline_row


def test_what_is_not_known_counts_as_the_worst() -> None:
    """No SSVC data: automatable and total; nobody stated the exposure: open."""
    found = assessor("bod-26-04").assess(CveSignals(CVE), host(Exposure.UNKNOWN), SEEN)
    assert found.due == SEEN + timedelta(days=3)
    assert found.lane is Lane.SCHEDULED


@pytest.mark.parametrize("reservation", Reservation)
def test_nobody_is_held_to_a_date_for_what_is_disputed_or_rejected(
    reservation: Reservation,
) -> None:
    """It stays in its lane, and is marked."""
    signals = CveSignals(CVE, kev=KEV, ssvc=POC, reservation=reservation)
    found = assessor().assess(signals, host(Exposure.OPEN), SEEN)
    assert (found.due, found.deadline_row) == (None, f"no date: the CVE is {reservation.value}")
    assert found.lane is assessor().assess(replace(signals, reservation=None),
        host(Exposure.OPEN), SEEN).lane  # fmt: skip


def test_kev_is_active_exploitation_whatever_ssvc_says() -> None:
    """The catalogue is evidence; the decision point may be older."""
    signals = CveSignals(CVE, kev=KEV, ssvc=QUIET)
    found = assessor("bod-26-04").assess(signals, host(Exposure.OPEN), SEEN)
    assert (found.exploitation, found.lane) == (Exploitation.ACTIVE, Lane.OUT_OF_CYCLE)


@pytest.mark.parametrize(("tenths", "days"), [(90, 2), (89, 14)])
def test_critical_begins_at_nine(tenths: int, days: int) -> None:
    """CVSS 9.0 is critical, 8.9 is not."""
    signals = CveSignals(CVE, cvss=CvssScore("", tenths, "cna"), ssvc=QUIET)
    found = assessor("asd-e8").assess(signals, host(Exposure.OPEN), SEEN)
    assert found.due == SEEN + timedelta(days=days)


@pytest.mark.parametrize(
    ("signals", "days"),
    [
        (CveSignals(CVE, ssvc=QUIET), 14),
        (CveSignals(CVE, ssvc=POC), 2),
        (CveSignals(CVE, kev=KEV), 2),
    ],
)
def test_a_public_exploit_is_a_working_one(signals: CveSignals, days: int) -> None:
    """ASD asks for 48 hours where an exploit exists, not only where it is used."""
    found = assessor("asd-e8").assess(signals, host(Exposure.OPEN), SEEN)
    assert found.due == SEEN + timedelta(days=days)


def test_the_counterfactual_names_the_lane_without_exposure() -> None:
    """It is said only where something would be otherwise."""
    critical = host(Exposure.OPEN, Criticality.VERY_HIGH)
    found = assessor().assess(CveSignals(CVE, kev=KEV, ssvc=POC), critical, SEEN)
    assert found.lane is Lane.IMMEDIATE
    assert found.counterfactual == "would be out-of-cycle if web-1 were not exposed"
    inside = assessor().assess(CveSignals(CVE, kev=KEV), host(Exposure.SMALL), SEEN)
    assert inside.counterfactual == ""


@pytest.mark.parametrize(
    ("signals", "criticality", "decision"),
    [
        (CveSignals(CVE, ssvc=QUIET), Criticality.VERY_HIGH, CisaDecision.TRACK),
        (CveSignals(CVE, ssvc=POC), Criticality.MEDIUM, CisaDecision.TRACK_CLOSELY),
        (CveSignals(CVE), Criticality.HIGH, CisaDecision.ATTEND),
        (CveSignals(CVE, kev=KEV), Criticality.MEDIUM, CisaDecision.ACT),
    ],
)
def test_cisas_own_table_is_a_second_opinion(
    signals: CveSignals, criticality: Criticality, decision: CisaDecision
) -> None:
    """By what the loss of the host would cost; what is not known counts as the worst."""
    assert assessor().assess(signals, host(Exposure.SMALL, criticality), SEEN).cisa is decision


def test_the_rule_that_set_the_date_can_be_looked_up() -> None:
    """With its source, where there is a date; without one there is no rule to look up."""
    quiet, inside = CveSignals(CVE, ssvc=QUIET), host(Exposure.SMALL)
    assert "NCSC" in assessor().assess(quiet, inside, SEEN).deadline_source
    assert assessor("bod-26-04").assess(quiet, inside, SEEN).deadline_source == ""


def test_a_policy_of_an_unknown_name_is_refused() -> None:
    """A slip in the configuration must not take every date away."""
    with pytest.raises(InputError, match="bod-26-4"):
        assessor("bod-26-4")
