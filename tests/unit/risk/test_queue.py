from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.signals import CveSignals, CvssScore, EpssScore, KevEntry
from oakum.core.advisories.statement import Urgency
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.matching.finding import Evidence, Finding, FindingState
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.lane import Lane
from oakum.core.risk.queue import FleetView, QueueItem, Weakness, build_queue

SEEN = date(2026, 11, 1)
ADDED = datetime(2026, 1, 1, tzinfo=UTC)
FIX = FindingState.AFFECTED_FIX_AVAILABLE
EXPLOITED, LIKELY, PLAIN, SEVERE = (CveId(f"CVE-2026-000{n}") for n in range(4))
SIGNALS = {
    EXPLOITED: CveSignals(
        EXPLOITED, kev=KevEntry(EXPLOITED, SEEN, None, is_used_by_ransomware=True)
    ),
    LIKELY: CveSignals(LIKELY, epss=EpssScore(LIKELY, 940_000), cwes=("CWE-787", "CWE-20")),
    SEVERE: CveSignals(
        SEVERE, cvss=CvssScore("CVSS:3.1/…", 98, "cna"), cwes=("CWE-787", "CWE-476", "CWE-125")
    ),
}


def host(name: str, exposure: Exposure, criticality: Criticality = Criticality.MEDIUM) -> Host:
    return Host(
        HostId(name), name, name, 22, "root", "", ADDED, exposure=exposure, criticality=criticality
    )


HOSTS = [
    host("edge", Exposure.OPEN, Criticality.HIGH),
    host("mail", Exposure.OPEN, Criticality.HIGH),
    host("web", Exposure.OPEN),
    host("db", Exposure.SMALL),
]


def finding(
    source: str, cve: CveId, on: str = "web", state: FindingState = FIX, fixed: str = "2"
) -> Finding:
    evidence = Evidence("1", fixed, "1 < 2", "debian-tracker", "2026-11-01")
    return Finding(HostId(on), source, cve, state, evidence)


def queue(*findings: Finding, policies: tuple[str, ...] = ("ncsc", "asd-e8")) -> list[QueueItem]:
    view = FleetView(
        {h.id: h for h in HOSTS},
        SIGNALS,
        {f.key: SEEN for f in findings},
        Assessor(shipped_tables(), policies),
        max,
    )
    return list(build_queue(findings, view))


def test_lane_comes_before_date_and_date_before_risk() -> None:
    """Exploited first, then the earlier date, then what removes more risk per disruption."""
    items = queue(
        finding("plain", PLAIN),
        finding("likely", LIKELY),
        finding("severe", SEVERE),
        finding("exploited", EXPLOITED),
    )
    assert [item.source_name for item in items] == ["exploited", "severe", "likely", "plain"]


def test_a_reboot_makes_a_patch_wait_for_one_without() -> None:
    """The same risk for less disruption goes first."""
    items = queue(finding("linux", LIKELY), finding("nginx", LIKELY))
    assert [(item.source_name, item.restarts, item.reboots) for item in items] == [
        ("nginx", 1, 0), ("linux", 0, 1),
    ]  # fmt: skip


def test_what_disturbs_nothing_goes_before_what_restarts() -> None:
    """A program that ends by itself has no service to restart, on whatever number of hosts."""
    items = queue(
        *(finding(source, LIKELY, on) for source in ("nginx", "vim") for on in ("web", "db"))
    )
    assert [(item.source_name, item.restarts, item.reboots) for item in items] == [
        ("vim", 0, 0), ("nginx", 2, 0),
    ]  # fmt: skip


def test_the_leading_weaknesses_are_counted_over_cves() -> None:
    """Each CVE counts once, on however many hosts; at most three kinds are named."""
    (item,) = queue(
        finding("nginx", LIKELY, "web"),
        finding("nginx", LIKELY, "db"),
        finding("nginx", SEVERE),
        finding("nginx", PLAIN),
    )
    assert item.weaknesses == (
        Weakness("CWE-787", 2), Weakness("CWE-125", 1), Weakness("CWE-20", 1),
    )  # fmt: skip


def test_only_findings_with_a_fix_are_in_it() -> None:
    """What cannot be patched is not work to do."""
    others = [state for state in FindingState if state is not FIX]
    assert queue(*(finding("x", PLAIN, state=state) for state in others)) == []


def test_what_the_vendor_calls_unimportant_is_not_in_it() -> None:
    """It is kept as a finding, and is no reason to change a host."""
    assert queue(replace(finding("x", EXPLOITED), urgency=Urgency.UNIMPORTANT)) == []


def test_one_patch_for_all_hosts_and_cves_of_a_source() -> None:
    """The unit of work is the source package, at the highest version that a fix needs."""
    (item,) = queue(
        finding("openssl", PLAIN, "web", fixed="2"),
        finding("openssl", EXPLOITED, "db", fixed="3"),
        finding("openssl", PLAIN, "db"),
    )
    assert (item.hosts, item.fixed_version) == (("db", "web"), "3")
    assert (item.cves, item.kev) == ((EXPLOITED, PLAIN), (EXPLOITED,))


def test_why_names_the_signals_and_the_rule() -> None:
    """Each part of the order can be read in one line."""
    (item,) = queue(finding("nginx", EXPLOITED))
    assert item.why == (
        "CVE-2026-0000: exploitation active; in KEV since 2026-11-01, used by ransomware; "
        "asd-e8 ML3: 2 days (working exploit: 48 hours)"
    )


def test_why_names_another_cve_where_that_sets_the_date() -> None:
    """The lane is one CVE's, the earlier date another's: both are said."""
    (item,) = queue(
        finding("nginx", EXPLOITED, "db"), finding("nginx", PLAIN, "web"), policies=("ncsc",)
    )
    assert (item.lane, item.due) == (Lane.OUT_OF_CYCLE, date(2026, 11, 6))
    assert "exploitation active" in item.why
    assert item.why.endswith(
        "ncsc v2: 7 days (operating system: 7 days); "
        "the date is CVE-2026-0002's: ncsc v2: 5 days (internet-facing: 5 days)"
    )


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        (("edge", "db"), "would be out-of-cycle if edge were not exposed"),
        (("edge", "mail", "db"), "would be out-of-cycle if its 2 exposed hosts were not exposed"),
        (("web", "db"), ""),
    ],
)
def test_the_counterfactual_speaks_of_every_host_that_causes_the_lane(
    hosts: tuple[str, ...], words: str
) -> None:
    """One exposed host is named, several are counted; where nothing would change, none."""
    (item,) = queue(*(finding("nginx", EXPLOITED, name) for name in hosts))
    assert item.counterfactual == words


sources = st.sampled_from(["linux", "openssl", "nginx", "bash"])
findings = st.lists(
    st.builds(
        finding,
        sources,
        st.sampled_from([EXPLOITED, LIKELY, PLAIN, SEVERE]),
        st.sampled_from(["web", "db", "edge"]),
    ),
    unique_by=lambda found: found.key,
)


@given(findings)
def test_shares_add_up_to_all_risk(found: list[Finding]) -> None:
    """Whatever is in the queue, its shares make 100 %, and the sum never falls."""
    items = queue(*found)
    assert sum(item.share_ppm for item in items) == (1_000_000 if items else 0)
    sums = [item.cumulative_ppm for item in items]
    assert sums == sorted(sums)
    assert all(item.risk > 0 for item in items)


@given(findings, st.randoms())
def test_the_order_of_findings_does_not_matter(found: list[Finding], chance: Random) -> None:
    """The same findings give the same queue."""
    assert queue(*chance.sample(found, len(found))) == queue(*found)
