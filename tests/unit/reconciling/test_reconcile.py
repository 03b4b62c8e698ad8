import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reconciling.builders import CVE, WEB, finding, host, report, result

from oakum.core.advisories.statement import Urgency
from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.matching.coverage import Coverage
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.reconciling.reconcile import (
    EXPOSED,
    NO_STATEMENT,
    HostComparison,
    reconcile,
)
from oakum.core.reconciling.report import ReportedHost, ScannerResult

JUDGED = Coverage(100, ())


def compare(
    results: list[ScannerResult],
    findings: list[Finding],
    coverage: Coverage | None = JUDGED,
    *,
    every: bool = False,
) -> HostComparison:
    known = host("web-1")
    coverages = {known.id: coverage} if coverage else {}
    done = reconcile(report(*results), [known], {known.id: findings}, coverages, every=every)
    (comparison,) = done.hosts
    return comparison


def why(results: list[ScannerResult], findings: list[Finding], coverage: Coverage | None) -> str:
    done = compare(results, findings, coverage)
    assert done.agreed == ()
    (only,) = done.only_theirs
    return only.reason


@pytest.mark.parametrize("package", ["", "libssl3", "openssl", "OpenSSL 3.0"])
@pytest.mark.parametrize("state", sorted(EXPOSED, key=str))
def test_both_say_it(state: FindingState, package: str) -> None:
    """By binary, by source, by a product's name or by the CVE alone; in memory counts as well."""
    done = compare([result(package)], [finding(state)])
    assert [(both.cve, both.ours) for both in done.agreed] == [(CVE, (finding(state),))]
    assert (done.only_theirs, done.only_ours, done.left_out) == ((), (), 0)


def test_several_packages_of_one_source_are_one_agreement() -> None:
    """A scanner names each binary; a patch is one."""
    (both,) = compare([result("libssl3"), result("openssl")], [finding()]).agreed
    assert [said.package for said in both.theirs] == ["libssl3", "openssl"]


@pytest.mark.parametrize("state", [state for state in FindingState if state not in EXPOSED])
def test_only_theirs_has_the_state_and_the_evidence(state: FindingState) -> None:
    """Also where Oakum does not know: that is no agreement."""
    reason = why([result("libssl3")], [finding(state)], JUDGED)
    assert reason == f"openssl: {state.value}: a rule about openssl"


@pytest.mark.parametrize(
    ("package", "unknown", "expected"),
    [
        ("tool", (("tool:amd64", "comes from Other, not Debian"),), "package tool:amd64 comes"),
        ("linux-image-6.1.0-28-amd64", (("kernel 6.1", "none of Debian's"),), "kernel 6.1: none"),
        ("linux", (("kernel 6.1", "the kernel is the machine's"),), "kernel 6.1: the kernel is"),
        ("kernel-core", (("kernel 5.14", "no build is named"),), "kernel 5.14: no build"),
    ],
)
def test_what_oakum_cannot_judge_is_unknown(
    package: str, unknown: tuple[tuple[str, str], ...], expected: str
) -> None:
    """The reason is what coverage says, and nothing is called fine."""
    assert why([result(package)], [], Coverage(9, unknown)).startswith(f"unknown: {expected}")
    assert why([result("other")], [], Coverage(9, unknown)) == NO_STATEMENT
    about_host = Coverage(9, (("memory", "cannot be read"), ("what: is this", "unreadable line")))
    assert why([result("memory")], [], about_host) == NO_STATEMENT
    assert why([result("what")], [], about_host) == NO_STATEMENT


def test_a_host_of_which_nothing_is_known() -> None:
    """Never scanned, or of a distribution without vendor data: also said where no result is."""
    assert compare([], [], None).not_judged == "Oakum has never scanned this host"
    assert compare([], []).not_judged == ""
    assert why([result("x")], [], None) == "unknown: Oakum has never scanned this host"
    other = Coverage(0, (("alpine 3.20", "no vendor data for this distribution"),))
    expected = "unknown: alpine 3.20: no vendor data for this distribution"
    assert why([result("x")], [], other) == expected


def test_the_same_cve_in_another_package_is_another_thing() -> None:
    """Open in openssl is no agreement about nodejs, where it is fixed, or about a foreign tool."""
    ours = [
        finding(),
        finding(FindingState.FIXED, "nodejs", "nodejs"),
        finding(cve="CVE-2026-0002"),
    ]
    done = compare([result("nodejs")], ours)
    assert [only.reason for only in done.only_theirs] == ["nodejs: fixed: a rule about nodejs"]
    assert done.only_ours == (ours[0], ours[2])
    done = compare([result("nodejs", "CVE-2026-0002")], ours)
    (only,) = done.only_theirs
    assert only.reason == "the vendor's statements on it are about openssl"
    foreign = Coverage(9, (("tool:amd64", "comes from Other, not Debian"),))
    done = compare([result("tool")], ours, foreign)
    assert [only.reason[:20] for only in done.only_theirs] == ["unknown: package too"]


def test_only_ours_is_what_can_be_closed_unless_all_is_asked_for() -> None:
    """What is left out is counted: scanners that speak of fixes only are not blamed for it."""
    ours = [
        finding(),
        finding(FindingState.AWAITING_REBOOT, "linux", "linux-image-6.1"),
        finding(FindingState.AFFECTED_NO_FIX, "bash", "bash"),
        finding(source="vim", binary="vim", urgency=Urgency.UNIMPORTANT),
        finding(FindingState.AFFECTED_NEEDS_SUBSCRIPTION, "ffmpeg", "ffmpeg"),
        finding(FindingState.UNKNOWN, "perl", "perl"),
        finding(FindingState.FIXED, "sed", "sed"),
    ]
    done = compare([], ours)
    assert (done.only_ours, done.left_out) == (tuple(ours[:2]), 3)
    done = compare([], ours, every=True)
    assert (done.only_ours, done.left_out) == (tuple(ours[:5]), 0)


def test_hosts_that_only_one_knows_are_kept() -> None:
    """With what the scanner said of them, and why they are no host of Oakum's."""
    stranger = ReportedHost("web-9")
    done = reconcile(
        report(result(of=stranger), hosts=(stranger, WEB)),
        [host("web-1"), host("web-2")],
        {},
        {},
    )
    assert [(one.host.name, len(one.results)) for one in done.not_matched] == [("web-9", 1)]
    assert [(one.host.name, one.reported) for one in done.hosts] == [("web-1", (WEB,))]
    assert [one.name for one in done.not_reported] == ["web-2"]


def test_one_host_under_two_names_is_one_host() -> None:
    """A scanner may know it by its name here and by its address there."""
    other = ReportedHost("192.0.2.10")
    known = host("web-1", "192.0.2.10")
    said = report(result("libssl3"), result("openssl", of=other), hosts=(WEB, other))
    (comparison,) = reconcile(said, [known], {known.id: [finding()]}, {known.id: JUDGED}).hosts
    assert comparison.reported == (WEB, other)
    assert len(comparison.agreed) == 1


def test_a_report_of_an_image_can_be_taken_for_a_host() -> None:
    """But not one of several hosts for a single one."""
    image = ReportedHost("/mnt/rootfs")
    taken = report(result(of=image), hosts=(image,)).taken_for("web-1")
    assert taken.hosts == (WEB,)
    assert taken.results[0].host == WEB
    with pytest.raises(InputError, match="about 2 hosts"):
        report(hosts=(image, WEB)).taken_for("web-1")


names = st.sampled_from(["", "libssl3", "openssl", "nodejs", "tool", "linux", "gone"])
cves = st.sampled_from([CVE, "CVE-2026-0002", "CVE-2026-0003"])
known_findings = st.lists(
    st.builds(
        finding,
        st.sampled_from(FindingState),
        st.sampled_from(["openssl", "nodejs", "linux"]),
        st.sampled_from(["libssl3", "nodejs", "linux-image-6"]),
        cves,
    ),
    max_size=8,
    unique_by=lambda one: one.key,
)
coverages = st.sampled_from(
    [None, JUDGED, Coverage(0, (("x", "y"),)), Coverage(3, (("tool:amd64", "comes from X"),))]
)


@given(
    st.lists(st.builds(result, names, cves), max_size=8), known_findings, coverages, st.booleans()
)
def test_nothing_is_lost_and_nothing_counted_twice(
    said: list[ScannerResult],
    findings: list[Finding],
    coverage: Coverage | None,
    every: bool,  # noqa: FBT001 (drawn)
) -> None:
    """Each result stands in one place; each exposed finding in agreed, only ours or left out."""
    done = compare(said, findings, coverage, every=every)
    theirs = [claim for both in done.agreed for claim in both.theirs]
    theirs += [claim for only in done.only_theirs for claim in only.theirs]
    assert sorted(theirs, key=repr) == sorted(said, key=repr)
    agreed = {one.key for both in done.agreed for one in both.ours}
    ours = {one.key for one in done.only_ours}
    assert not agreed & ours
    exposed = {one.key for one in findings if one.state in EXPOSED}
    assert len(agreed) + len(ours) + done.left_out == len(exposed)
    assert agreed | ours <= exposed
    assert all(only.reason for only in done.only_theirs)
    assert done.host.id == HostId("id-web-1")
