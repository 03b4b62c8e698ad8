"""Findings keep their history, and saying the same twice changes nothing."""

from dataclasses import replace
from datetime import timedelta

from tests.conformance.stores import examples
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import CVE, NOW, WEB

from oakum.core.ids import HostId
from oakum.core.matching.finding import FindingState

DAY = timedelta(days=1)
OPEN = examples.finding()
MEMORY = examples.finding(FindingState.EXPOSED_IN_MEMORY)
OTHER = examples.finding(cve="CVE-2025-0001")


def _hosts(begin: Begin) -> None:
    with begin() as work:
        work.hosts.add(examples.host("web-1", 22))
        work.hosts.add(examples.host("web-2", 23))
        work.commit()


def test_findings_come_back_whole(begin: Begin) -> None:
    """State, evidence and the vendor's words survive."""
    _hosts(begin)
    with begin() as work:
        assert work.findings.replace(WEB, [OTHER, OPEN], NOW) == 2
        work.commit()
    with begin() as work:
        assert work.findings.of([WEB, HostId("web-2")]) == (OPEN, OTHER)


def test_the_same_again_changes_nothing(begin: Begin) -> None:
    """A second scan with the same result writes no history."""
    _hosts(begin)
    with begin() as work:
        work.findings.replace(WEB, [OPEN, OTHER], NOW)
        work.commit()
    with begin() as work:
        assert work.findings.replace(WEB, [OTHER, OPEN], NOW + DAY) == 0
        assert work.findings.history(WEB, CVE) == ((NOW, OPEN),)


def test_a_changed_state_keeps_the_earlier_one(begin: Begin) -> None:
    """Only the present state is shown, the earlier ones are in the history with their moments."""
    _hosts(begin)
    with begin() as work:
        work.findings.replace(WEB, [OPEN, OTHER], NOW)
        assert work.findings.replace(WEB, [MEMORY], NOW + DAY) == 2
        assert work.findings.of([WEB]) == (MEMORY,)
        assert work.findings.history(WEB, CVE) == ((NOW, OPEN), (NOW + DAY, MEMORY))


def test_one_host_does_not_touch_another(begin: Begin) -> None:
    """Replacing a host's findings leaves the others' alone."""
    _hosts(begin)
    theirs = examples.finding(who="web-2")
    with begin() as work:
        work.findings.replace(WEB, [OPEN], NOW)
        work.findings.replace(HostId("web-2"), [theirs], NOW)
        work.findings.replace(WEB, [], NOW + DAY)
        assert work.findings.of([WEB, HostId("web-2")]) == (theirs,)


def test_first_seen_survives_new_evidence(begin: Begin) -> None:
    """A new package version with the same state does not make a finding young again."""
    _hosts(begin)
    evidence = replace(OPEN.evidence, feed_as_of="2026-11-30")
    with begin() as work:
        work.findings.replace(WEB, [OPEN], NOW)
        work.findings.replace(WEB, [replace(OPEN, evidence=evidence)], NOW + DAY)
        assert work.findings.first_seen([WEB]) == {OPEN.key: NOW.date()}
        work.findings.replace(WEB, [MEMORY], NOW + 2 * DAY)
        assert work.findings.first_seen([WEB]) == {OPEN.key: (NOW + 2 * DAY).date()}


def test_many_findings_are_replaced_at_once(begin: Begin) -> None:
    """More findings than one statement may name are ended and begun."""
    _hosts(begin)
    many = [examples.finding(cve=f"CVE-2024-{number:05}") for number in range(1_200)]
    with begin() as work:
        assert work.findings.replace(WEB, many, NOW) == 1_200
        assert work.findings.replace(WEB, [], NOW + DAY) == 1_200
        assert work.findings.of([WEB]) == ()


def test_what_was_known_at_a_moment_can_be_asked(begin: Begin) -> None:
    """Before the first scan nothing was; each state holds until the next one began."""
    _hosts(begin)
    with begin() as work:
        work.findings.replace(WEB, [OPEN, OTHER], NOW)
        work.findings.replace(WEB, [MEMORY], NOW + DAY)
        work.findings.replace(WEB, [], NOW + 2 * DAY)
        work.commit()
    moment = timedelta(microseconds=1)
    with begin() as work:
        assert work.findings.of([WEB], NOW - moment) == ()
        assert work.findings.of([WEB], NOW) == (OPEN, OTHER)
        assert work.findings.of([WEB], NOW + DAY - moment) == (OPEN, OTHER)
        assert work.findings.of([WEB], NOW + DAY) == (MEMORY,)
        assert work.findings.of([WEB], NOW + 9 * DAY) == ()
        assert work.findings.of([WEB]) == ()
