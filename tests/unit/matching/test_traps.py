"""Each trap that scanners fall into, by name. What is not here and is Debian's is in test_matcher.

The facts behind them: backports and binary rebuilds, epochs, signed and flavoured kernels, module
streams, extended support, paid channels, FIPS builds, third-party archives, livepatches.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, PhasedUpdate, RunningKernel
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.coverage import coverage, outline_of
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.matching.matcher import AdvisoryIndex, match
from oakum.core.repositories.phasing import phasing_of

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CVE = CveId("CVE-2026-0001")
FIX, FIXED = FindingState.AFFECTED_FIX_AVAILABLE, FindingState.FIXED
JAMMY = Distribution("ubuntu", "22.04", "jammy")
ALMA = Distribution("almalinux", "9.4", "")
RHEL = Distribution("rhel", "9.4", "")
SLES = Distribution("sles", "15.5", "")
ALPINE = Distribution("alpine", "3.20.3", "")
FEEDS = {feed: FeedState(feed, NOW, NOW, Digest("0" * 64), 1, "test") for feed in FeedName}


def facts(
    distribution: Distribution, *packages: InstalledPackage, uname: tuple[str, str] = ("", "")
) -> Facts:
    return Facts(
        NOW, "h", "m", "b", "x86_64", distribution, RunningKernel(*uname), has_systemd=True,
        is_container=False, packages=packages,
    )  # fmt: skip


def deb(name: str, version: str, source: str = "") -> InstalledPackage:
    return InstalledPackage(name, version, "amd64", source or name, version)


def rpm(name: str, version: str, source: str = "", module: str = "") -> InstalledPackage:
    return InstalledPackage(name, version, "x86_64", source or name, version, module=module)


def said(  # noqa: PLR0917 (the columns of one row)
    release: str,
    name: str,
    fixed: str = "",
    status: VendorStatus = VendorStatus.FIXED,
    channel: str = "",
    module: str = "",
    source: FeedName = FeedName.UBUNTU_TRACKER,
) -> VendorStatement:
    return VendorStatement(
        release, name, CVE, status, fixed, source=source.value, channel=channel, module=module
    )


def judge(known: Facts, *statements: VendorStatement) -> tuple[Finding, ...]:
    return match(HostId("h"), known, AdvisoryIndex.of(FEEDS, statements))


def state(known: Facts, *statements: VendorStatement) -> FindingState:
    (finding,) = judge(known, *statements)
    return finding.state


# Versions


def test_a_backported_fix_is_a_fix_whatever_upstream_numbers_say() -> None:
    """Openssl 3.0.7-27.el9_4 holds what upstream fixed in 3.0.13."""
    known = facts(RHEL, rpm("openssl-libs", "1:3.0.7-27.el9_4", "openssl"))
    assert state(known, said("rhel:9", "openssl-libs", "1:3.0.7-25.el9_3")) is FIXED
    assert state(known, said("rhel:9", "openssl-libs", "1:3.0.7-28.el9_4")) is FIX


def test_rpm_versions_compare_by_rpms_order() -> None:
    """Dpkg's order takes el9_7.1.alma.1 for older than el9_7.alma.1."""
    known = facts(ALMA, rpm("tool", "1.0-1.el9_7.1.alma.1"))
    assert state(known, said("almalinux:9", "tool", "1.0-1.el9_7.alma.1")) is FIXED


def test_apk_versions_compare_by_apks_order() -> None:
    """`_p1` is after, `_rc1` before."""
    known = facts(ALPINE, InstalledPackage("ssh", "9.7_p1-r4", "x86_64", "openssh", "9.7_p1-r4"))
    assert state(known, said("alpine:3.20", "openssh", "9.7_rc1-r0")) is FIXED
    assert state(known, said("alpine:3.20", "openssh", "9.7_p1-r5")) is FIX


def test_an_epoch_that_only_one_side_names_is_zero() -> None:
    """Red Hat's records write `0:`, rpm prints none."""
    known = facts(RHEL, rpm("bash", "5.1.8-9.el9"))
    assert state(known, said("rhel:9", "bash", "0:5.1.8-9.el9")) is FIXED


def test_a_rebuild_of_the_binary_is_compared_by_its_source() -> None:
    """`+b13`, and Ubuntu's build suffixes."""
    package = InstalledPackage("tool", "2.0-1+b13", "amd64", "tool", "2.0-1")
    assert state(facts(JAMMY, package), said("jammy", "tool", "2.0-1+x1")) is FIX


# Whose data


@pytest.mark.parametrize(
    "other",
    [
        said("noble", "tool", "9"), said("bookworm", "tool", "9"), said("rhel:9", "tool", "9"),
        said("almalinux:8", "tool", "9"), said("rocky:9", "tool", "9"),
    ],
)  # fmt: skip
def test_no_other_releases_data_is_held_against_a_host(other: VendorStatement) -> None:
    """Not of another version of the system, and not of one that is compatible with it."""
    assert judge(facts(ALMA, rpm("tool", "1")), other) == ()
    assert judge(facts(JAMMY, deb("tool", "1")), other) == ()


def test_a_source_that_rocky_names_covers_its_binary_packages() -> None:
    """And what is said of the binary package itself counts more."""
    known = facts(Distribution("rocky", "9.4", ""), rpm("openssl-libs", "1:3.0.1-1", "openssl"))
    of_source = said("rocky:9", "source:openssl", "1:3.0.1-2", source=FeedName.OSV_ROCKY)
    assert state(known, of_source) is FIX
    exact = said("rocky:9", "openssl-libs", "1:3.0.1-1", source=FeedName.UPDATEINFO)
    assert state(known, of_source, exact) is FIXED


@pytest.mark.parametrize(
    ("version", "origin"),
    [
        ("3.0.2-0ubuntu1.fips.1", "a FIPS channel"),
        ("3.0.2-0ubuntu1+Fips1", "a FIPS channel"),
        ("3.0.2-1~bpo12+1", "Debian Backports"),
    ],
)
def test_builds_of_other_channels_are_unknown_and_never_compared(version: str, origin: str) -> None:
    """Their versions do not follow the release's fixes."""
    known = facts(JAMMY, deb("openssl", version))
    assert judge(known, said("jammy", "openssl", "3.0.2-0ubuntu1.20")) == ()
    unknown = dict(coverage(outline_of(known), {"jammy": frozenset({"openssl"})}).unknown)
    assert unknown["openssl:amd64"] == f"comes from {origin}, not Ubuntu"


def test_a_third_party_archive_is_unknown_and_never_compared() -> None:
    """A PPA's nginx is not held against Ubuntu's advisories."""
    known = replace(
        facts(JAMMY, deb("nginx", "1.18.0")), package_origins=(("nginx:amd64", "LP-PPA-nginx"),)
    )
    assert judge(known, said("jammy", "nginx", "1.18.0-6ubuntu14.4")) == ()
    unknown = dict(coverage(outline_of(known), {"jammy": frozenset({"nginx"})}).unknown)
    assert unknown["nginx:amd64"] == "comes from LP-PPA-nginx, not Ubuntu"


# Paid channels


ESM = said("jammy", "tool", "1.0-1ubuntu1+esm2", channel="esm-apps")
OPEN = said("jammy", "tool", status=VendorStatus.OPEN)


def test_a_fix_for_subscribers_is_not_no_fix() -> None:
    """Nor is it one that this host can install."""
    found = judge(facts(JAMMY, deb("tool", "1.0-1ubuntu1")), OPEN, ESM)[0]
    assert found.state is FindingState.AFFECTED_NEEDS_SUBSCRIPTION
    assert found.state.is_open
    assert not found.is_to_patch
    assert "esm-apps has it" in found.evidence.rule


def test_a_subscriber_can_install_it() -> None:
    """The host says which channels it has."""
    known = replace(facts(JAMMY, deb("tool", "1.0-1ubuntu1")), subscriptions=("esm-apps",))
    assert state(known, OPEN, ESM) is FIX


def test_an_installed_esm_build_is_fixed_also_without_the_subscription() -> None:
    """What is on the disk counts, not what the host may fetch."""
    assert state(facts(JAMMY, deb("tool", "1.0-1ubuntu1+esm2")), OPEN, ESM) is FIXED


def test_a_fix_for_everybody_counts_before_one_for_subscribers() -> None:
    """The release's own fix is what is lacking."""
    free = said("jammy", "tool", "1.0-1ubuntu2")
    assert state(facts(JAMMY, deb("tool", "1.0-1ubuntu1")), free, ESM) is FIX


# Modules of rpm


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("nodejs:18", FIX),
        ("nodejs:20", None),
        ("nodejs:1", None),
        ("nodejs:an", FIX),
        ("node-tools:20", FIX),
    ],
)
def test_a_module_is_compared_within_its_stream(stream: str, expected: FindingState | None) -> None:
    """A fix in nodejs 18 says nothing about nodejs 20; where nothing can be told, it counts."""
    known = facts(ALMA, rpm("nodejs", "1:18.1.0-1.module_el9", module=stream))
    fix = said("almalinux:9", "nodejs", "1:18.12.1-1.module_el9", module="nodejs:18.12.1")
    assert [finding.state for finding in judge(known, fix)] == ([expected] if expected else [])


def test_what_is_in_no_module_is_not_compared_with_a_modules_fix() -> None:
    """The same name is built twice: in a module, and not."""
    known = facts(ALMA, rpm("nodejs", "1:16.20.2-1.el9"))
    fix = said("almalinux:9", "nodejs", "1:18.12.1-1.module_el9", module="nodejs:18.12.1")
    assert judge(known, fix) == ()


# Kernels


UBUNTU_UNAME = ("5.15.0-100-generic", "#110-Ubuntu SMP Wed Feb 7 13:27:48 UTC 2024")


def test_ubuntus_booted_kernel_is_named_by_uname() -> None:
    """5.15.0-100.110 is booted, whatever newer image lies on the disk."""
    new = deb("linux-image-5.15.0-112-generic", "5.15.0-112.122", "linux-signed")
    known = facts(JAMMY, new, uname=UBUNTU_UNAME)
    found = judge(known, said("jammy", "linux", "5.15.0-107.117"))[0]
    assert (found.source_name, found.evidence.installed_version) == ("linux", "5.15.0-100.110")
    assert found.state is FindingState.AWAITING_REBOOT


def test_a_flavour_is_judged_by_its_own_source() -> None:
    """linux-aws has fixes of its own; those of `linux` are not held against it."""
    image = deb("linux-image-5.15.0-1050-aws", "5.15.0-1050.55", "linux-signed-aws")
    known = facts(JAMMY, image, uname=("5.15.0-1050-aws", "#55-Ubuntu SMP"))
    assert judge(known, said("jammy", "linux", "5.15.0-107.117")) == ()
    assert state(known, said("jammy", "linux-aws", "5.15.0-1051.56")) is FIX


def test_hwe_kernels_carry_their_series() -> None:
    """`#40~22.04.1-Ubuntu` is 6.5.0-40.40~22.04.1."""
    image = deb("linux-image-6.5.0-40-generic", "6.5.0-40.40~22.04.1", "linux-signed-hwe-6.5")
    known = facts(JAMMY, image, uname=("6.5.0-40-generic", "#40~22.04.1-Ubuntu SMP"))
    assert state(known, said("jammy", "linux-hwe-6.5", "6.5.0-41.41~22.04.2")) is FIX


@pytest.mark.parametrize(
    ("distribution", "release", "name", "version", "uname"),
    [
        (RHEL, "rhel:9", "kernel-core", "5.14.0-427.13.1.el9_4", "5.14.0-427.13.1.el9_4.x86_64"),
        (SLES, "sles:15.5", "kernel-default", "5.14.21-150500.55.44.1",
         "5.14.21-150500.55.44-default"),
        (ALPINE, "alpine:3.20", "linux-lts", "6.6.58-r0", "6.6.58-0-lts"),
    ],
)  # fmt: skip
def test_the_booted_kernel_of_other_systems(
    distribution: Distribution, release: str, name: str, version: str, uname: str
) -> None:
    """Uname holds version and release, in each vendor's way; only the booted one is judged."""
    newer = f"{version.replace('-', '-9', 1)}" if "-r" not in version else "6.7.0-r0"
    known = facts(distribution, rpm(name, version), rpm(name, newer), uname=(uname, ""))
    assert state(known, said(release, name, version)) is FIXED
    assert state(known, said(release, name, newer)) is FindingState.AWAITING_REBOOT


def test_a_kernel_that_the_vendor_did_not_build_is_unknown() -> None:
    """Neither safe nor exposed: nothing is known."""
    known = facts(ALMA, rpm("kernel-core", "5.14.0-1.el9"), uname=("6.9.1-custom", ""))
    assert judge(known, said("almalinux:9", "kernel-core", "5.14.0-9.el9")) == ()
    unknown = dict(coverage(outline_of(known), {"almalinux:9": frozenset({"bash"})}).unknown)
    assert unknown["kernel 6.9.1-custom"] == "no AlmaLinux build is named"


def test_headers_and_libc_headers_are_no_kernel() -> None:
    """linux-libc-dev has thousands of kernel CVEs and runs none of them."""
    known = facts(
        JAMMY, deb("linux-libc-dev", "5.15.0-100.110", "linux"),
        deb("linux-headers-5.15.0-100", "5.15.0-100.110", "linux"), uname=("custom", "#1"),
    )  # fmt: skip
    assert judge(known, said("jammy", "linux", "5.15.0-107.117")) == ()


def test_a_livepatched_cve_is_mitigated_and_comes_back_with_the_next_one() -> None:
    """The patch mends what it names; other CVEs of the same kernel stay open."""
    known = replace(facts(JAMMY, uname=UBUNTU_UNAME), livepatched=(CVE,))
    fix = said("jammy", "linux", "5.15.0-107.117")
    other = replace(fix, cve=CveId("CVE-2026-0002"))
    found = {finding.cve: finding.state for finding in judge(known, fix, other)}
    assert found == {CVE: FindingState.LIVEPATCHED, other.cve: FIX}


# What vendors say


def test_open_is_not_fixed_and_undetermined_is_not_safe() -> None:
    """needs-triage is an answer: nobody knows."""
    known = facts(JAMMY, deb("tool", "1"))
    assert state(known, OPEN) is FindingState.AFFECTED_NO_FIX
    triage = said("jammy", "tool", status=VendorStatus.UNDETERMINED)
    assert state(known, triage) is FindingState.UNKNOWN


def test_an_unimportant_issue_is_kept_and_not_work() -> None:
    """It is shown when asked for."""
    minor = replace(said("jammy", "tool", "2"), urgency=Urgency.UNIMPORTANT)
    (found,) = judge(facts(JAMMY, deb("tool", "1")), minor)
    assert (found.state, found.is_to_patch) == (FIX, False)


@pytest.mark.parametrize("status", ["hi", "ii", "hiR"])
def test_a_held_package_is_as_exposed_as_any(status: str) -> None:
    """Holding it back does not make it safe."""
    known = facts(JAMMY, replace(deb("tool", "1"), status=status))
    assert state(known, said("jammy", "tool", "2")) is FIX


def test_a_phased_update_is_a_fix_that_is_there() -> None:
    """That apt holds it back for some hosts today does not make them safe; why it does is told."""
    known = replace(facts(JAMMY, deb("tool", "1")), phased=(PhasedUpdate("tool", "1ubuntu0.1", 0),))
    (found,) = judge(known, said("jammy", "tool", "1ubuntu0.1"))
    assert found.state is FIX
    (why,) = phasing_of(known, found.source_name, found.evidence.fixed_version)
    assert why.startswith("1ubuntu0.1 is phased at 0 % (its vendor has halted it): this host's own")


def test_both_architectures_of_a_package_are_one_finding_and_the_older_counts() -> None:
    """multiarch: libssl3:i386 may lag behind libssl3:amd64."""
    old = InstalledPackage("libssl3", "1", "i386", "openssl", "1")
    new = InstalledPackage("libssl3", "2", "amd64", "openssl", "2")
    (found,) = judge(facts(JAMMY, old, new), said("jammy", "openssl", "2"))
    assert (found.state, found.evidence.packages) == (FIX, ("libssl3:i386 1",))
