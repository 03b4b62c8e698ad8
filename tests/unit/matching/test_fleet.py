"""The fleet judged at once is the fleet judged host by host."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.component import (
    Component,
    components_of,
    parts_of,
    stale_by_source,
)
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.matching.fleet import Fleet, Holding, HostSet
from oakum.core.matching.matcher import AdvisoryIndex, match, match_open

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = date(2026, 11, 25)
FEED = FeedState(FeedName.DEBIAN_TRACKER, NOW, NOW, Digest("0" * 64), 1, "test")
CVES = [CveId(f"CVE-2026-000{number}") for number in range(3)]
versions = st.sampled_from(["1", "1.5-1", "2", "2-1+b1", "3~rc1", "no version!", "3", "2-1.el9_2",
    "3-1.el9_4", "2+fips1", "3+fips1"])  # fmt: skip
BOOKWORM, JAMMY = Distribution("debian", "12", "bookworm"), Distribution("ubuntu", "22.04", "jammy")
ALMA = Distribution("almalinux", "9.4", "")
RHEL, EUS = Distribution("rhel", "9.4", ""), Distribution("rhel", "9.2", "", "", "eus")


def _package(name: str, source: str, version: str, module: str) -> InstalledPackage:
    return InstalledPackage(name, version, "amd64", source, version, module=module)


packages = st.lists(
    st.builds(
        _package,
        st.sampled_from(["ssl", "ssl-libs", "web"]),
        st.sampled_from(["ssl", "web"]),
        versions,
        st.sampled_from(["", "", "web:2"]),
    ),
    max_size=4,
    unique_by=lambda package: (package.name, package.version),
)
hosts = st.lists(
    st.builds(
        Facts,
        st.just(NOW),
        st.just("web-1"),
        st.just("m"),
        st.just("b"),
        st.just("amd64"),
        st.sampled_from([BOOKWORM, JAMMY, ALMA, RHEL, EUS]),
        st.sampled_from(
            [RunningKernel("6.1.0-1-amd64", f"#1 SMP Debian {n} (2026)") for n in ("1", "2", "x")]
        ),
        has_systemd=st.booleans(),
        is_container=st.booleans(),
        packages=packages.map(tuple),
        stale_processes=st.sampled_from([(), (StaleProcess(1, "x", "", "/x", "ssl:amd64"),)]),
        saw_all_processes=st.booleans(),
        subscriptions=st.sampled_from([(), ("esm-apps",), ("fips",)]),
        livepatched=st.sampled_from([(), (CVES[0],)]),
    ),
    max_size=5,
)
statements = st.lists(
    st.builds(
        VendorStatement,
        st.sampled_from(
            ["bookworm", "jammy", "almalinux:9", "rhel:9", "rhel-eus:9.2", "jammy-fips"]
        ),
        st.sampled_from(["ssl", "ssl-libs", "web", "linux"]),
        st.sampled_from(CVES),
        st.sampled_from(VendorStatus),
        versions.filter(lambda version: "!" not in version),
        st.sampled_from([Urgency.NOT_YET_ASSIGNED, Urgency.UNIMPORTANT]),
        channel=st.sampled_from(["", "", "esm-apps"]),
        module=st.sampled_from(["", "", "web:2", "web:2.5", "web:3"]),
    ),
    max_size=10,
)


def fleet_of(found: list[Facts]) -> Fleet:
    members: dict[Component, HostSet] = {}
    for number, known in enumerate(found):
        for component in components_of(known):
            members.setdefault(component, HostSet()).add(number)
    holdings = {c: (Holding(DAY, is_successor=False, hosts=m),) for c, m in members.items()}
    return Fleet(holdings, HostSet(range(len(found))))


def one_by_one(found: list[Facts], index: AdvisoryIndex) -> list[Finding]:
    return [
        finding
        for number, known in enumerate(found)
        for finding in match(HostId(str(number)), known, index)
    ]


@given(hosts, statements)
def test_each_host_stands_as_it_does_alone(found: list[Facts], said: list[VendorStatement]) -> None:
    """Every host is in one state for each CVE of a source: that of its own finding."""
    index = AdvisoryIndex.of({FEED.feed: FEED}, said)
    together = [
        (str(number), standing.source, standing.cve, state)
        for standing in fleet_of(found).standings(index)
        for state, members in standing.hosts.items()
        for number in members
    ]
    alone = [(f.host, f.source_name, f.cve, f.state) for f in one_by_one(found, index)]
    assert sorted(together, key=str) == sorted(alone, key=str)


def test_a_host_with_builds_of_two_channels_stands_once() -> None:
    """Its plain build lacks the release's fix; the FIPS build beside it has its channel's."""
    known = Facts(
        NOW, "h", "m", "b", "amd64", JAMMY, RunningKernel("", ""), has_systemd=True,
        is_container=True, subscriptions=("fips",),
        packages=(_package("ssl", "ssl", "1", ""), _package("ssl-libs", "ssl", "3+fips1", "")),
    )  # fmt: skip
    said = [
        VendorStatement(release, "ssl", CVES[0], VendorStatus.FIXED, fixed)
        for release, fixed in (("jammy", "2"), ("jammy-fips", "3+fips1"))
    ]
    index = AdvisoryIndex.of({FEED.feed: FEED}, said)
    (standing,) = fleet_of([known]).standings(index)
    assert dict(standing.hosts) == {FindingState.AFFECTED_FIX_AVAILABLE: HostSet([0])}
    assert len(one_by_one([known], index)) == 1


plain_hosts = st.lists(
    st.builds(
        lambda found, seen: Facts(
            NOW,
            "web-1",
            "m",
            "b",
            "amd64",
            BOOKWORM,
            RunningKernel("", ""),
            has_systemd=True,
            is_container=True,
            packages=found,
            saw_all_processes=seen,
        ),
        st.lists(
            st.builds(_package, st.just("ssl"), st.just("ssl"), versions, st.just("")),
            max_size=2,
            unique_by=lambda package: package.version,
        ).map(tuple),
        st.booleans(),
    ),
    max_size=5,
)
"""Of one package, in several versions, also on one host."""
plain_statements = st.lists(
    st.builds(
        VendorStatement,
        st.just("bookworm"),
        st.just("ssl"),
        st.sampled_from(CVES),
        st.sampled_from(VendorStatus),
        versions.filter(lambda version: "!" not in version),
    ),
    max_size=3,
    unique_by=lambda said: said.cve,
)


@given(st.tuples(hosts, statements) | st.tuples(plain_hosts, plain_statements))
def test_the_tally_counts_those_findings(
    given_: tuple[list[Facts], list[VendorStatement]],
) -> None:
    """What is counted is what would be listed."""
    found, said = given_
    said = [replace(statement, urgency=Urgency.NOT_YET_ASSIGNED) for statement in said]
    index = AdvisoryIndex.of({FEED.feed: FEED}, said)
    tally = fleet_of(found).tally(index)
    alone = Counter(finding.state for finding in one_by_one(found, index))
    assert tally.by_state == {state: alone[state] for state in FindingState}
    assert tally.minor == 0


@given(hosts, statements)
def test_exposed_components_lack_what_findings_name(
    found: list[Facts], said: list[VendorStatement]
) -> None:
    """The queue is made from the same fixes that the findings show."""
    index = AdvisoryIndex.of({FEED.feed: FEED}, said)
    lacking = {
        (str(number), exposed.source, fix.statement.cve)
        for exposed in fleet_of(found).exposed(index)
        for fix in exposed.fixes
        for rung in exposed.rungs[: fix.lacking]
        for number in rung.hosts
    }
    alone = {f.key for f in one_by_one(found, index) if f.is_to_patch}
    assert lacking == alone


def test_only_chosen_hosts_count() -> None:
    """A part of a fleet is judged as if the others were not there."""
    package = InstalledPackage("ssl", "1", "amd64", "ssl", "1")
    known = Facts(
        NOW, "a", "m", "b", "amd64", BOOKWORM, RunningKernel("", ""), has_systemd=True,
        is_container=True, packages=(package,),
    )  # fmt: skip
    fleet = fleet_of([known] * 5)
    said = VendorStatement("bookworm", "ssl", CVES[0], VendorStatus.FIXED, "2")
    index = AdvisoryIndex.of({FEED.feed: FEED}, [said])
    part = Fleet(fleet.holdings, HostSet([1, 3]))
    assert part.tally(index).by_state[FindingState.AFFECTED_FIX_AVAILABLE] == 2
    assert [rung.hosts for e in part.exposed(index) for rung in e.rungs] == [HostSet([1, 3])]


@given(st.tuples(hosts, statements) | st.tuples(plain_hosts, plain_statements))
def test_open_findings_alone_are_those_among_all(
    given_: tuple[list[Facts], list[VendorStatement]],
) -> None:
    """Good news hides no bad news, where a source is installed twice."""
    found, said = given_
    index = AdvisoryIndex.of({FEED.feed: FEED}, said)
    for known in found:
        host = HostId(known.hostname)
        parts = parts_of(components_of(known), known.packages, stale_by_source(known))
        every = match(host, known, index)
        assert match_open(host, parts, index) == tuple(f for f in every if f.state.is_open)
