from dataclasses import replace
from datetime import UTC, datetime

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import FindingState
from oakum.core.matching.matcher import AdvisoryIndex, match
from oakum.core.matching.memory import versions_in_memory

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DBUS = StaleProcess(7, "dbus-daemon", "dbus.service", "/lib/libexpat.so.1", "libexpat1:amd64")


def scan(version: str, *stale: StaleProcess, boot_id: str = "boot") -> Facts:
    return Facts(
        collected_at=NOW,
        hostname="web-1",
        machine_id="m",
        boot_id=boot_id,
        architecture="amd64",
        distribution=Distribution("debian", "12", "bookworm"),
        kernel=RunningKernel("6.1.0-56-amd64", "#1 SMP Debian 6.1.192-2 (2026-11-02)"),
        has_systemd=True,
        is_container=True,
        packages=(InstalledPackage("libexpat1", version, "amd64", "expat", version),),
        stale_processes=stale,
    )


def state_of(fixed: str, *scans: Facts) -> FindingState:
    feed = FeedState(FeedName.DEBIAN_TRACKER, NOW, NOW, Digest("0" * 64), 1, "test")
    fix = VendorStatement("bookworm", "expat", CveId("CVE-2009-3560"), VendorStatus.FIXED, fixed)
    now, *earlier = scans
    (found,) = match(HostId("web-1"), now, AdvisoryIndex.of({feed.feed: feed}, [fix]), earlier)
    return found.state


def test_a_process_runs_at_least_what_was_on_disk_when_nothing_was_old() -> None:
    """The last scan without old code in memory bounds what can be loaded."""
    assert versions_in_memory(scan("3", DBUS), [scan("2", DBUS), scan("1")]) == {"expat": "1"}


def test_an_ancient_fix_is_not_reopened_by_an_old_process() -> None:
    """The loaded version had this fix already; only newer fixes are exposed in memory."""
    scans = (scan("2.5.0-2", DBUS), scan("2.5.0-1"))
    assert state_of("2.0.1-6", *scans) is FindingState.FIXED
    assert state_of("2.5.0-2", *scans) is FindingState.EXPOSED_IN_MEMORY


def test_without_a_clean_scan_the_worst_is_assumed() -> None:
    """No earlier scan, only old ones, or one of another boot: nothing is known."""
    now, other_boot = scan("2.5.0-2", DBUS), scan("2.5.0-1", boot_id="before")
    for earlier in ((), (scan("2.5.0-2", DBUS),), (other_boot,)):
        assert state_of("2.0.1-6", now, *earlier) is FindingState.EXPOSED_IN_MEMORY


def test_a_scan_that_did_not_see_all_processes_proves_nothing() -> None:
    """Without root, old code may have been there and not been seen."""
    blind = replace(scan("2.5.0-1"), saw_all_processes=False)
    assert versions_in_memory(scan("2.5.0-2", DBUS), [blind]) == {}
