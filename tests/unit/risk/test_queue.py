from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.signals import CveSignals, CvssScore, EpssScore, KevEntry
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.matching.component import Component
from oakum.core.matching.fleet import Exposed, Fix, Holding, HostSet, Rung
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.lane import Lane
from oakum.core.risk.queue import FleetView, Population, QueueItem, build_queue

SEEN = date(2026, 11, 1)
ADDED = datetime(2026, 1, 1, tzinfo=UTC)
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


@dataclass(frozen=True)
class Lack:
    """A fix that a host lacks."""

    source: str
    cve: CveId
    on: str = "web"
    fixed: str = "2"
    known: date = SEEN


NUMBERS = {h.name: number for number, h in enumerate(HOSTS)}


def exposed(lacks: Iterable[Lack], since: date = SEEN) -> list[Exposed]:
    """Return the exposed components: one for each source and host."""
    found: dict[tuple[str, str], list[Lack]] = {}
    for lack in lacks:
        found.setdefault((lack.source, lack.on), []).append(lack)
    return [
        Exposed(
            "bookworm",
            source,
            (
                Rung(
                    Component("bookworm", source, source, "1"),
                    HostSet([NUMBERS[name]]),
                    (Holding(since, since != SEEN, HostSet([NUMBERS[name]])),),
                ),
            ),
            tuple(
                Fix(
                    1,
                    VendorStatement(
                        "bookworm", source, f.cve, VendorStatus.FIXED, f.fixed, known_since=f.known
                    ),
                )
                for f in of_host
            ),
        )
        for (source, name), of_host in found.items()
    ]


def queue(
    *lacks: Lack,
    policies: tuple[str, ...] = ("ncsc", "asd-e8"),
    since: date = SEEN,
    began: date = SEEN,
) -> list[QueueItem]:
    population = Population(dict(enumerate(HOSTS)), SIGNALS)
    assessor = Assessor(shipped_tables(), policies)
    view = FleetView(population, assessor, lambda *_: began)
    return list(build_queue(exposed(lacks, since), view))


def test_lane_comes_before_date_and_date_before_risk() -> None:
    """Exploited first, then the earlier date, then what removes more risk per disruption."""
    items = queue(
        Lack("plain", PLAIN),
        Lack("likely", LIKELY),
        Lack("severe", SEVERE),
        Lack("exploited", EXPLOITED),
    )
    assert [item.source_name for item in items] == ["exploited", "severe", "likely", "plain"]


def test_a_reboot_makes_a_patch_wait_for_one_without() -> None:
    """The same risk for less disruption goes first."""
    items = queue(Lack("linux", LIKELY), Lack("nginx", LIKELY))
    assert [(item.source_name, item.restarts, item.reboots) for item in items] == [
        ("nginx", 1, 0), ("linux", 0, 1),
    ]  # fmt: skip


def test_a_deadline_runs_from_when_the_host_lacked_a_known_fix() -> None:
    """Not before the fix was known, not anew when one lacking version followed another."""
    day = timedelta(days=1)
    due = queue(Lack("nginx", PLAIN), policies=("ncsc",))[0].due
    assert due is not None
    known_later = Lack("nginx", PLAIN, known=SEEN + 3 * day)
    assert queue(known_later, policies=("ncsc",))[0].due == due + 3 * day
    later = SEEN + 9 * day
    (item,) = queue(Lack("nginx", PLAIN), policies=("ncsc",), since=later, began=later - 2 * day)
    assert item.due == due + 7 * day


def test_one_patch_for_all_hosts_and_cves_of_a_source() -> None:
    """The unit of work is the source package, at the highest version that a fix needs."""
    (item,) = queue(
        Lack("openssl", PLAIN, "web", fixed="2"),
        Lack("openssl", EXPLOITED, "db", fixed="3"),
        Lack("openssl", PLAIN, "db"),
    )
    assert (item.release, item.hosts, item.fixed_version) == ("bookworm", 2, "3")
    assert (item.cves, item.kev) == ((EXPLOITED, PLAIN), (EXPLOITED,))


def test_why_names_the_signals_and_the_rule() -> None:
    """Each part of the order can be read in one line."""
    (item,) = queue(Lack("nginx", EXPLOITED))
    assert item.why == (
        "CVE-2026-0000: exploitation active; in KEV since 2026-11-01, used by ransomware; "
        "asd-e8 ML3: 2 days (working exploit: 48 hours)"
    )


def test_why_names_another_cve_where_that_sets_the_date() -> None:
    """The lane is one CVE's, the earlier date another's: both are said."""
    (item,) = queue(Lack("nginx", EXPLOITED, "db"), Lack("nginx", PLAIN, "web"), policies=("ncsc",))
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
    (item,) = queue(*(Lack("nginx", EXPLOITED, name) for name in hosts))
    assert item.counterfactual == words


sources = st.sampled_from(["linux", "openssl", "nginx", "bash"])
lacks = st.lists(
    st.builds(
        Lack,
        sources,
        st.sampled_from([EXPLOITED, LIKELY, PLAIN, SEVERE]),
        st.sampled_from(["web", "db", "edge"]),
    ),
    unique_by=lambda lack: (lack.source, lack.cve, lack.on),
)


@given(lacks)
def test_shares_add_up_to_all_risk(found: list[Lack]) -> None:
    """Whatever is in the queue, its shares make 100 %, and the sum never falls."""
    items = queue(*found)
    assert sum(item.share_ppm for item in items) == (1_000_000 if items else 0)
    sums = [item.cumulative_ppm for item in items]
    assert sums == sorted(sums)
    assert all(item.risk > 0 for item in items)


@given(lacks, st.randoms())
def test_the_order_of_findings_does_not_matter(found: list[Lack], chance: Random) -> None:
    """The same findings give the same queue."""
    assert queue(*chance.sample(found, len(found))) == queue(*found)
