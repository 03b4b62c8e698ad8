from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import versions

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel, StaleProcess, UnreadableLine
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.coverage import coverage, outline_of
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.matching.matcher import AdvisoryIndex, match, topics_of

COVERED = {"bookworm": frozenset({"openssl", "linux"})}
NOW = datetime(2026, 11, 25, tzinfo=UTC)
FEED = FeedState(FeedName.DEBIAN_TRACKER, NOW, NOW, Digest("0" * 64), 1, "test")
CVE = CveId("CVE-2026-0001")
OPENSSL = InstalledPackage("libssl3", "3.0.20-1", "amd64", "openssl", "3.0.20-1")
BOOTED = "#1 SMP PREEMPT_DYNAMIC Debian {} (2026-11-02)"
OLD_IMAGE = InstalledPackage(
    "linux-image-6.1.0-50-amd64", "6.1.190-1", "amd64", "linux-signed-amd64", "6.1.190+1",
    built_using="linux (= 6.1.190-1)",
)  # fmt: skip
NEW_IMAGE = replace(
    OLD_IMAGE, name="linux-image-6.1.0-56-amd64", version="6.1.192-2", source_version="6.1.192+2",
    built_using="gcc-12 (= 12.2.0-14), linux (= 6.1.192-2)",
)  # fmt: skip


def facts(*packages: InstalledPackage, booted: str = "6.1.192-2") -> Facts:
    return Facts(
        collected_at=NOW,
        hostname="web-1",
        machine_id="m",
        boot_id="b",
        architecture="amd64",
        distribution=Distribution("debian", "12", "bookworm"),
        kernel=RunningKernel("6.1.0-56-amd64", BOOTED.format(booted)),
        has_systemd=True,
        is_container=False,
        packages=packages,
    )


def statement(
    source: str = "openssl",
    status: VendorStatus = VendorStatus.FIXED,
    fixed: str = "3.0.22-1",
    release: str = "bookworm",
) -> VendorStatement:
    return VendorStatement(release, source, CVE, status, fixed)


def judge(known: Facts, *statements: VendorStatement) -> tuple[Finding, ...]:
    return match(HostId("web-1"), known, AdvisoryIndex.of({FEED.feed: FEED}, statements))


def state(known: Facts, *statements: VendorStatement) -> FindingState:
    (finding,) = judge(known, *statements)
    return finding.state


def unknown(known: Facts) -> dict[str, str]:
    return dict(coverage(outline_of(known), COVERED).unknown)


@pytest.mark.parametrize(
    ("installed", "fixed", "expected"),
    [
        ("3.0.20-1", "3.0.22-1", FindingState.AFFECTED_FIX_AVAILABLE),
        ("3.0.22-1", "3.0.22-1", FindingState.FIXED),
        ("3.0.7-27+deb12u4", "3.0.7-27+deb12u3", FindingState.FIXED),
        ("3.0.7-27+deb12u2", "3.0.7-27+deb12u3", FindingState.AFFECTED_FIX_AVAILABLE),
        ("3.0.22-1~deb12u1", "3.0.22-1", FindingState.AFFECTED_FIX_AVAILABLE),
        ("1:1.0-1", "2.0-1", FindingState.FIXED),
    ],
)
def test_backports_are_compared_in_the_hosts_own_release(
    installed: str, fixed: str, expected: FindingState
) -> None:
    """The fixed version of the release decides, in dpkg's order, whatever upstream numbers say."""
    package = replace(OPENSSL, source_version=installed)
    assert state(facts(package), statement(fixed=fixed)) is expected


def test_statements_about_another_release_say_nothing() -> None:
    """A fixed version of trixie is not held against bookworm."""
    assert judge(facts(OPENSSL), statement(release="trixie")) == ()


def test_a_binary_rebuild_is_compared_by_its_source_version() -> None:
    """`+b13` makes the binary newer than a fix that its source does not hold."""
    package = replace(OPENSSL, version="3.0.20-1+b13")
    known = facts(replace(package, version="3.0.22-1+b1"))
    assert state(known, statement()) is FindingState.AFFECTED_FIX_AVAILABLE


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (VendorStatus.NOT_AFFECTED, FindingState.NOT_AFFECTED),
        (VendorStatus.OPEN, FindingState.AFFECTED_NO_FIX),
        (VendorStatus.UNDETERMINED, FindingState.UNKNOWN),
    ],
)
def test_the_vendors_other_answers_are_kept_apart(
    status: VendorStatus, expected: FindingState
) -> None:
    """Not affected, open and undetermined are three things."""
    assert state(facts(OPENSSL), statement(status=status, fixed="")) is expected


def test_urgency_and_no_dsa_go_with_the_finding() -> None:
    """What the vendor thinks of an open issue is shown, and does not close it."""
    said = replace(
        statement(status=VendorStatus.OPEN, fixed=""),
        urgency=Urgency.UNIMPORTANT,
        no_dsa=NoDsaReason.IGNORED,
    )
    (finding,) = judge(facts(OPENSSL), said)
    assert (finding.state, finding.no_dsa) == (FindingState.AFFECTED_NO_FIX, NoDsaReason.IGNORED)
    assert finding.is_minor
    assert finding.state.is_open


def test_a_version_that_cannot_be_compared_is_unknown() -> None:
    """It is neither fixed nor affected."""
    assert state(facts(OPENSSL), statement(fixed="nonsense!")) is FindingState.UNKNOWN


def test_evidence_is_enough_to_repeat_the_comparison() -> None:
    """Both versions, the rule, the feed and its date, and the binary packages are in it."""
    (finding,) = judge(facts(OPENSSL), statement())
    evidence = finding.evidence
    assert (evidence.installed_version, evidence.fixed_version) == ("3.0.20-1", "3.0.22-1")
    assert evidence.rule == "3.0.20-1 < 3.0.22-1 by dpkg's order"
    assert (evidence.feed, evidence.feed_as_of) == ("debian-tracker", "2026-11-25")
    assert evidence.packages == ("libssl3:amd64 3.0.20-1",)


def test_the_worst_of_two_installed_versions_counts() -> None:
    """One architecture was upgraded, the other was not: the host is still affected."""
    other = replace(OPENSSL, architecture="i386", version="3.0.22-1", source_version="3.0.22-1")
    assert state(facts(OPENSSL, other), statement()) is FindingState.AFFECTED_FIX_AVAILABLE
    assert state(facts(other, OPENSSL), statement()) is FindingState.AFFECTED_FIX_AVAILABLE


def test_fixed_on_disk_is_not_fixed_while_a_process_maps_the_old_file() -> None:
    """The finding names the process and its unit."""
    process = StaleProcess(7, "nginx", "nginx.service", "/usr/lib/libssl.so.3", "libssl3:amd64")
    package = replace(OPENSSL, source_version="3.0.22-1")
    known = replace(facts(package), stale_processes=(process,))
    (finding,) = judge(known, statement())
    assert finding.state is FindingState.EXPOSED_IN_MEMORY
    assert finding.evidence.processes == ("7 nginx nginx.service /usr/lib/libssl.so.3",)


def test_a_replaced_file_that_no_package_owns_is_unknown() -> None:
    """Its exposure cannot be told, and is not passed over."""
    process = StaleProcess(7, "own", "", "/opt/own", "")
    known = replace(facts(OPENSSL), stale_processes=(process,))
    assert "/opt/own" in unknown(known)["memory of process 7 own"]


def test_the_booted_kernel_is_judged_by_the_trackers_name() -> None:
    """A signed image of linux-signed-amd64 6.1.190+1 is linux 6.1.190-1 to the tracker."""
    fix = statement("linux", fixed="6.1.191-1")
    known = facts(OLD_IMAGE, booted="6.1.190-1")
    assert state(known, fix) is FindingState.AFFECTED_FIX_AVAILABLE
    assert state(facts(NEW_IMAGE), fix) is FindingState.FIXED


def test_an_installed_kernel_helps_only_after_the_reboot() -> None:
    """The fix is on disk, the old kernel is booted: awaiting reboot, not fixed, not affected."""
    fix = statement("linux", fixed="6.1.191-1")
    known = facts(OLD_IMAGE, NEW_IMAGE, booted="6.1.190-1")
    (finding,) = judge(known, fix)
    assert finding.state is FindingState.AWAITING_REBOOT
    assert "6.1.192-2 is installed and fixed; 6.1.190-1 is booted" in finding.evidence.rule


def test_an_old_kernel_that_is_not_booted_does_no_harm() -> None:
    """Only what runs can be attacked."""
    fix = statement("linux", fixed="6.1.191-1")
    assert state(facts(OLD_IMAGE, NEW_IMAGE), fix) is FindingState.FIXED


@pytest.mark.parametrize("built_using", ["", "linux (= )", "linux (= nonsense!)", "linux (= 1-)"])
def test_a_signed_image_without_usable_built_using_goes_by_its_own_version(
    built_using: str,
) -> None:
    """6.1.192+2 would seem newer than the fix in 6.1.192-3; hostile text must not stop a fleet."""
    fix = statement("linux", fixed="6.1.192-3")
    known = facts(replace(NEW_IMAGE, built_using=built_using), booted="6.1.190-1")
    assert state(known, fix) is FindingState.AFFECTED_FIX_AVAILABLE


def test_a_containers_kernel_is_the_machines_and_said_to_be_unknown() -> None:
    """Kernel packages in a container say nothing, also where the machine runs Debian."""
    known = replace(facts(OLD_IMAGE, booted="6.1.190-1"), is_container=True)
    assert judge(known, statement("linux", fixed="6.1.191-1")) == ()
    assert unknown(known) == {"kernel 6.1.0-56-amd64": "the kernel is the machine's"}


def test_a_kernel_that_is_none_of_debians_is_unknown() -> None:
    """Another builder's kernel is not measured with Debian's versions."""
    known = replace(facts(NEW_IMAGE), kernel=RunningKernel("6.8.4-pve", "#1 SMP PMX 6.8.4-3"))
    assert judge(known, statement("linux")) == ()
    assert unknown(known) == {"kernel 6.8.4-pve": "no Debian build is named"}


def test_a_backported_kernel_is_not_measured_with_the_releases_versions() -> None:
    """6.12 from backports is newer than every fix of 6.1, and may be open all the same."""
    image = replace(NEW_IMAGE, version="6.12.9-1~bpo12+1", built_using="linux (= 6.12.9-1~bpo12+1)")
    known = facts(OLD_IMAGE, image, booted="6.12.9-1~bpo12+1")
    assert judge(known, statement("linux", fixed="6.1.191-1")) == ()
    assert "Backports" in unknown(known)["kernel 6.1.0-56-amd64"]


def test_a_third_partys_image_of_the_booted_version_is_not_judged() -> None:
    """The version looks like Debian's; the archive says that it is not."""
    known = replace(facts(NEW_IMAGE), package_origins=((NEW_IMAGE.key, "Vendor"),))
    assert judge(known, statement("linux", fixed="6.1.193-1")) == ()
    assert "Vendor" in unknown(known)["kernel 6.1.0-56-amd64"]


def test_third_party_packages_are_unknown_and_never_judged() -> None:
    """Another archive's openssl is not held against Debian's versions, nor counted as judged."""
    known = replace(facts(OPENSSL, NEW_IMAGE), package_origins=((OPENSSL.key, "Vendor"),))
    assert judge(known, statement()) == ()
    assert coverage(outline_of(known), COVERED).judged == 1
    assert unknown(known) == {"libssl3:amd64": "comes from Vendor, not Debian"}


def test_what_no_index_has_and_no_tracker_knows_is_unknown() -> None:
    """A package that somebody put in by hand has no vendor data, and is not safe for that."""
    own = InstalledPackage("tool", "1.0", "amd64", "tool", "1.0")
    old = InstalledPackage("libssl1.1", "1.1.1n-0", "amd64", "openssl", "1.1.1n-0")
    packages = (OPENSSL, own, old, NEW_IMAGE)
    known = replace(
        facts(*packages), unlisted_packages=("libssl1.1", "linux-image-6.1.0-56-amd64", "tool")
    )
    assert unknown(known) == {
        "tool:amd64": "no package index has it: installed by hand, or its archive is gone"
    }
    assert coverage(outline_of(known), COVERED).judged == 3
    assert [found.source_name for found in judge(known, statement())] == ["openssl"]


def test_fixed_means_effective_and_not_only_on_disk() -> None:
    """Where memory could not be read, what is fixed on disk is not called fixed."""
    new = replace(OPENSSL, version="3.0.99-1", source_version="3.0.99-1")
    blind = replace(facts(new), saw_all_processes=False)
    (found,) = judge(blind, statement())
    assert found.state is FindingState.FIXED_ON_DISK
    assert "could not be read" in found.evidence.rule
    assert not found.is_to_patch
    (seen,) = judge(facts(new), statement())
    assert seen.state is FindingState.FIXED


def test_backports_are_told_by_their_version() -> None:
    """Also where the host's own indices do not say where a package comes from."""
    package = replace(OPENSSL, version="3.2.0-1~bpo12+1", source_version="3.2.0-1~bpo12+1")
    known = replace(facts(package), has_package_indices=False)
    assert judge(known, statement()) == ()
    assert "Backports" in unknown(known)["libssl3:amd64"]


def test_a_host_without_package_indices_says_so() -> None:
    """Third-party packages cannot be told from Debian's there: that is unknown, not fine."""
    known = replace(facts(OPENSSL), has_package_indices=False)
    assert coverage(outline_of(known), COVERED).unknown == (
        (
            "origin of packages",
            "the host has no package indices, so third-party packages cannot be told from Debian's",
        ),
    )


@pytest.mark.parametrize(
    "distribution",
    [
        Distribution("ubuntu", "25.10", "questing"),
        Distribution("fedora", "42", ""),
        Distribution("debian", "12", "trixie"),
        Distribution("debian", "99", "sid"),
        Distribution("", "", ""),
    ],
)
def test_an_unknown_distribution_has_no_findings_and_says_so(distribution: Distribution) -> None:
    """Nothing is judged with another vendor's data."""
    known = replace(facts(OPENSSL), distribution=distribution)
    assert judge(known, statement()) == ()
    assert coverage(outline_of(known), COVERED).judged == 0
    assert unknown(known) == {distribution.label: "no vendor data for this distribution"}


def test_unreadable_lines_and_unseen_processes_are_counted() -> None:
    """Each is an answer that is missing."""
    known = replace(
        facts(OPENSSL), unreadable=(UnreadableLine("packages", "?"),), saw_all_processes=False
    )
    assert unknown(known)["?"] == "unreadable packages line"
    assert "no root, or no /proc" in unknown(known)["memory"]
    guarded = replace(facts(OPENSSL), unread_processes=("1 agent",))
    assert "nobody" in unknown(guarded)["memory of process 1 agent"]


def test_the_sources_of_a_host_always_hold_the_kernel() -> None:
    """Statements about a signed image are found under `linux`."""
    assert topics_of(facts(OPENSSL, NEW_IMAGE)) == {("bookworm", "openssl"), ("bookworm", "linux")}


statements = st.lists(
    st.builds(
        VendorStatement,
        st.sampled_from(["bookworm", "trixie"]),
        st.sampled_from(["openssl", "linux", "bash"]),
        st.sampled_from([CVE, CveId("CVE-2026-0002")]),
        st.sampled_from(VendorStatus),
        versions,
    ),
    max_size=6,
)
packages = st.lists(
    st.builds(
        InstalledPackage,
        st.sampled_from(["libssl3", "bash", "linux-image-6.1.0-1-amd64"]),
        versions,
        st.sampled_from(["amd64", "i386"]),
        st.sampled_from(["openssl", "linux-signed-amd64", "bash"]),
        versions,
    ),
    max_size=4,
)


@given(packages, statements, versions)
def test_the_same_input_gives_the_same_findings(
    installed: list[InstalledPackage], said: list[VendorStatement], booted: str
) -> None:
    """Neither a used index nor the order of the packages changes an answer."""
    index = AdvisoryIndex.of({FEED.feed: FEED}, said)
    known, turned = facts(*installed, booted=booted), facts(*reversed(installed), booted=booted)
    first = match(HostId("h"), known, index)
    assert match(HostId("h"), known, index) == first
    assert match(HostId("h"), known, AdvisoryIndex.of({FEED.feed: FEED}, said)) == first
    assert [f.state for f in match(HostId("h"), turned, index)] == [f.state for f in first]
    assert len({finding.key for finding in first}) == len(first)


def test_a_release_of_which_the_advisories_are_silent_is_unknown() -> None:
    """No statement about a release is not good news: its packages are not counted as judged."""
    trixie = replace(facts(OPENSSL), distribution=Distribution("debian", "13", "trixie"))
    found = coverage(outline_of(trixie), COVERED)
    assert found.judged == 0
    assert found.unknown[0][1] == "the advisories hold nothing about this release"
