"""Exposure: what is asked of a part of the fleet is what is true of all of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.inventories import read

from oakum.adapters.feeds.bundle import shipped_bundle
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.errors import RefusedError
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import Finding
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services import list_findings
from oakum.services.find_exposure import findings_of, history
from oakum.services.list_findings import About, FindingsReader, listed
from oakum.services.update_advisories import AdvisoryUpdater

NAMES = ("web-01.bookworm-r0", "web-01.bookworm-current", "db-01.bookworm-r0")
HOSTS = [HostId(name) for name in NAMES]


@pytest.fixture
def fleet(begin: UnitOfWorkFactory, clock: Clock) -> UnitOfWorkFactory:
    AdvisoryUpdater(begin, clock, "test", lambda *_: None).update(
        shipped_bundle(), [FeedName.DEBIAN_TRACKER]
    )
    with begin() as work:
        for port, name in enumerate(NAMES, 22):
            added = datetime(2026, 11, 1, tzinfo=UTC)
            work.hosts.add(
                Host(HostId(name), name, "127.0.0.1", port, "root", f"key {port}", added)
            )
            work.facts.save(HostId(name), read(name))
        work.commit()
    return begin


def listed_of(begin: UnitOfWorkFactory, hosts: Sequence[HostId], about: About) -> list[Finding]:
    with begin() as work:
        reader = FindingsReader.of(work, hosts, about)
    parts = listed(begin, reader, lambda *_: None)
    return [finding for part in parts for of in part for finding in of.findings]


@pytest.mark.parametrize(
    ("cve", "source"),
    [
        ("CVE-2023-44487", ""),
        ("CVE-2023-44487", "nginx"),
        ("", "openssl"),
        ("CVE-1999-9999", ""),
        ("", "no-such-source"),
    ],
)
def test_asking_for_a_part_gives_that_part_of_everything(
    fleet: UnitOfWorkFactory, cve: str, source: str
) -> None:
    """Word for word, the evidence included; a CVE in two packages is two findings."""
    with fleet() as work:
        everything = findings_of(work, HOSTS)
    about = About(CveId(cve) if cve else None, source)
    asked, one = listed_of(fleet, HOSTS, about), listed_of(fleet, HOSTS[2:], about)
    expected = [f for f in everything if cve in {"", f.cve} and source in {"", f.source_name}]
    assert sorted(asked, key=lambda f: f.key) == sorted(expected, key=lambda f: f.key)
    assert {f.host for f in one} <= {HOSTS[2]}
    assert len(one) == sum(f.host == HOSTS[2] for f in expected)
    assert bool(expected) is (cve != "CVE-1999-9999" and source != "no-such-source")


def test_a_revised_advisory_opens_a_finding_again_and_a_withdrawn_one_closes_it(
    begin: UnitOfWorkFactory,
) -> None:
    """And what was true on each day stays to be asked: nothing of it is replaced."""
    cve, host = CveId("CVE-2026-0001"), HostId("web-1")
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    package = InstalledPackage("expat", "2-1", "amd64", "expat", "2-1")
    known = Facts(
        days[0], "web-1", "m", "b", "amd64", Distribution("debian", "12", "bookworm"),
        RunningKernel("", ""), has_systemd=True, is_container=True, packages=(package,),
    )  # fmt: skip
    state = FeedState(FeedName.DEBIAN_DSA, days[0], days[0], Digest("0" * 64), 1, "test")
    fixes = [("DSA-1-1", "2-1"), ("DSA-1-2", "2-2"), ("DSA-1-3", "")]
    with begin() as work:
        work.hosts.add(Host(host, "web-1", "127.0.0.1", 22, "root", "key", days[0]))
        work.facts.save(host, known)
        work.commit()
    for day, (advisory, version) in zip(days, fixes, strict=False):
        said = [
            VendorStatement(
                "bookworm", "expat", cve, VendorStatus.FIXED, version, source="debian-dsa",
                advisory=advisory,
            )
        ] if version else []  # fmt: skip
        with begin() as work:
            work.advisories.replace_statements(state, said, day)
            work.commit()
    with begin() as work:
        noon = [day + timedelta(hours=12) for day in days]
        states = [[f.state.value for f in findings_of(work, [host], at)] for at in noon]
        assert states == [["fixed"], ["affected, fix available"], [], []]
        assert findings_of(work, [host]) == ()
        assert [f.state.value for _, f in history(work, host, cve)][:2] == [
            "fixed",
            "affected, fix available",
        ]


def test_a_list_in_parts_is_the_whole_in_the_order_asked_for(
    fleet: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few hosts a part has; each host's by package and CVE; others may write between."""
    monkeypatch.setattr(list_findings, "FIRST_PART", 1)
    monkeypatch.setattr(list_findings, "PART", 2)
    with fleet() as work:
        reader = FindingsReader.of(work, HOSTS[::-1], About())
        everything = findings_of(work, HOSTS)
    told, found = list[tuple[int, int]](), list[Finding]()
    for part in listed(fleet, reader, lambda done, total: told.append((done, total))):
        found += [finding for of in part for finding in of.findings]
        with fleet() as work:
            work.hosts.add(replace(work.hosts.all()[0], id=HostId(f"new-{len(told)}"),
                                   name=f"new-{len(told)}", port=100 + len(told)))  # fmt: skip
            work.commit()
    assert found == [f for host in HOSTS[::-1] for f in everything if f.host == host]
    assert told == [(1, 3), (3, 3)]


def test_a_list_is_of_the_advisories_that_it_began_with(
    fleet: UnitOfWorkFactory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half by the old ones and half by the new ones would be no answer."""
    monkeypatch.setattr(list_findings, "FIRST_PART", 1)
    with fleet() as work:
        reader = FindingsReader.of(work, HOSTS, About())
    parts = listed(fleet, reader, lambda *_: None)
    next(parts)
    AdvisoryUpdater(fleet, clock, "test", lambda *_: None).update(
        shipped_bundle(), [FeedName.DEBIAN_DSA]
    )
    with pytest.raises(RefusedError, match="renewed"):
        next(parts)
