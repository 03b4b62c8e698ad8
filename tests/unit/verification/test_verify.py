from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.ids import Digest
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.core.rollout.state import HardSignal
from oakum.core.rollout.transaction import KeptConffile, TransactionState, TransactionStatus
from oakum.core.staging.check import Check, CheckKind, CheckResult, Verdict, compare
from oakum.core.staging.vitals import Losses
from oakum.core.verification.verify import Effect, hard_signals, verify

NAMES = ("bash", "libssl3", "nginx", "zlib1g")
GOOD = TransactionStatus(TransactionState.SUCCEEDED, "self-check", "", (), starts=1)
NGINX = StaleProcess(7, "nginx", "nginx.service", "/usr/lib/libssl.so.3")


def change(name: str, new: str = "2") -> PackageChange:
    return PackageChange(
        kind=ChangeKind.UPGRADE if new else ChangeKind.REMOVE,
        name=name,
        architecture="amd64",
        old_version="1",
        new_version=new,
        sha256=Digest("0" * 64),
        size_bytes=1,
        source_name=name,
        rollback_class=RollbackClass.LIBRARY,
    )


def installed(name: str, version: str = "2", status: str = "ii") -> InstalledPackage:
    return InstalledPackage(name, version, "amd64", name, version, status=status)


def facts(*packages: InstalledPackage) -> Facts:
    return Facts(
        collected_at=datetime(2026, 11, 23, tzinfo=UTC),
        hostname="web1",
        machine_id="m",
        boot_id="boot-1",
        architecture="amd64",
        distribution=Distribution("debian", "12", "bookworm"),
        kernel=RunningKernel("6.1.0-49-amd64", "#1 SMP Debian 6.1.190-1 (2026-01-01)"),
        has_systemd=True,
        is_container=False,
        packages=packages,
    )


EXPECTED = tuple(change(name) for name in NAMES)
AS_PLANNED = tuple(installed(name) for name in NAMES)

FAULTS: dict[str, Callable[[InstalledPackage], InstalledPackage | None]] = {
    "is not installed": lambda _: None,
    "is at 1": lambda package: replace(package, version="1"),
    "is in state iF: run dpkg --configure -a": lambda package: replace(package, status="iF"),
    "not installed": lambda package: replace(package, status="rc"),
}


def test_as_planned_is_good_and_effective() -> None:
    """No difference, nothing pending: effective."""
    found = verify(EXPECTED, facts(*AS_PLANNED), GOOD)
    assert (found.is_good, found.effect, found.pending) == (True, Effect.EFFECTIVE, ())


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(sorted(FAULTS)), min_size=1))
def test_finds_each_planted_difference(faults: dict[str, str]) -> None:
    """Whatever packages are wrong in whatever way, each is named, and no other."""
    there = (FAULTS[faults[p.name]](p) if p.name in faults else p for p in AS_PLANNED)
    found = verify(EXPECTED, facts(*(p for p in there if p is not None)), GOOD)
    assert not found.is_good
    assert found.effect is Effect.NOT_ON_DISK
    assert len(found.differences) == len(faults)
    for name, fault in faults.items():
        assert any(d.startswith(f"{name}:amd64") and fault in d for d in found.differences)


def test_kept_configuration_files_are_named_and_no_difference() -> None:
    """The plan said that they would be kept; how far they are from the new version is told."""
    kept = tuple(KeptConffile(f"/etc/{n}", n) for n in range(1, 6))
    found = verify(EXPECTED, facts(*AS_PLANNED), replace(GOOD, kept=kept))
    assert found.is_good
    assert found.detail == (
        "effective; kept as changed there, other than the new version: "
        "/etc/1 (1 line), /etc/2 (2 lines), /etc/3 (3 lines) and 2 more"
    )


def test_finds_what_should_be_gone_and_what_is_half_done() -> None:
    """A removal that did not happen and a broken package outside the plan are differences."""
    found = verify((change("bash", ""),), facts(installed("bash"), installed("x", "1", "iU")), GOOD)
    assert found.differences == (
        "bash:amd64 2 is still installed",
        "x:amd64 is in state iU: run dpkg --configure -a",
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (replace(GOOD, state=TransactionState.FAILED, reason="disk"), "failed: disk"),
        (replace(GOOD, state=TransactionState.INTERRUPTED, step="install"), "interrupted: install"),
        (replace(GOOD, starts=2), "begun 2 times"),
    ],
)
def test_a_bad_transaction_is_a_difference(status: TransactionStatus, said: str) -> None:
    """The right packages do not excuse a transaction that did not end well."""
    found = verify(EXPECTED, facts(*AS_PLANNED), status)
    assert said in found.detail
    assert not found.is_good


def test_old_code_in_memory_is_a_difference_unless_announced() -> None:
    """A service that should have been restarted and was not is named with its process."""
    stale = replace(facts(*AS_PLANNED), stale_processes=(NGINX,))
    unannounced = verify(EXPECTED, stale, GOOD)
    assert "process 7 (nginx, nginx.service) still maps old" in unannounced.detail
    assert unannounced.effect is Effect.EXPOSED_IN_MEMORY
    by_policy = verify(EXPECTED, stale, GOOD, restarts_allowed=False)
    assert (by_policy.is_good, by_policy.effect) == (True, Effect.EXPOSED_IN_MEMORY)
    rebooting = verify(EXPECTED, stale, replace(GOOD, reboot_reason="nginx.service runs old code"))
    assert (rebooting.is_good, rebooting.effect) == (True, Effect.AWAITING_REBOOT)


def test_a_reboot_that_another_process_needs_excuses_nothing() -> None:
    """That dbus waits for a reboot is no reason for nginx to run old code."""
    stale = replace(facts(*AS_PLANNED), stale_processes=(NGINX, replace(NGINX, path="/lib/b")))
    found = verify(EXPECTED, stale, replace(GOOD, reboot_reason="dbus.service runs old code"))
    assert len(found.differences) == 1
    assert "process 7 (nginx, nginx.service)" in found.differences[0]


@pytest.mark.parametrize("owner", ["my-nginx.service", "nginx.service-2", "a@nginx.service"])
def test_a_reboot_of_a_service_with_a_longer_name_excuses_nothing(owner: str) -> None:
    """That anacron waits for a reboot is no reason for cron to run old code."""
    stale = replace(facts(*AS_PLANNED), stale_processes=(NGINX,))
    others = f"old code runs in dbus.service, {owner}"
    assert not verify(EXPECTED, stale, replace(GOOD, reboot_reason=others)).is_good
    named = f"{others}, nginx.service; the kernel is new"
    assert verify(EXPECTED, stale, replace(GOOD, reboot_reason=named)).is_good


def test_sessions_end_by_themselves() -> None:
    """People who are logged in are not thrown out, and do not fail the host."""
    session = StaleProcess(8, "bash", "session-3.scope", "/usr/lib/libtinfo.so.6")
    found = verify(EXPECTED, replace(facts(*AS_PLANNED), stale_processes=(session,)), GOOD)
    assert (found.is_good, found.effect) == (True, Effect.EFFECTIVE)
    assert found.pending == (
        "old code runs in 1 process of a login session until the session ends",
    )


def test_daily_work_of_apt_ends_by_itself() -> None:
    """It waited for the transaction, and runs on as it began: no failure, and not effective yet."""
    daily = StaleProcess(9, "apt.systemd.dai", "apt-daily-upgrade.service", "/usr/lib/libc.so.6")
    after = replace(facts(*AS_PLANNED), stale_processes=(daily,))
    found = verify(EXPECTED, after, GOOD)
    assert (found.is_good, found.effect) == (True, Effect.EXPOSED_IN_MEMORY)
    assert found.pending == ("old code runs in apt-daily-upgrade.service until that ends",)
    assert not verify(EXPECTED, replace(after, stale_processes=(daily, NGINX)), GOOD).is_good


def test_unreadable_memory_is_unknown() -> None:
    """Memory that was not seen may hold the old code: that is neither effective nor good."""
    found = verify(EXPECTED, replace(facts(*AS_PLANNED), saw_all_processes=False), GOOD)
    assert found.effect is Effect.UNKNOWN_IN_MEMORY
    assert not found.is_good
    assert "could not be read" in found.detail


def test_a_boot_that_did_not_happen_is_found() -> None:
    """The boot id tells, not the clock."""
    found = verify(
        EXPECTED, facts(*AS_PLANNED), GOOD, boot_id_before="boot-1", must_have_booted=True
    )
    assert found.differences == ("the host has not booted anew",)


@pytest.mark.parametrize(
    ("release", "is_good"), [("6.1.0-49-amd64", False), ("6.1.0-50-amd64", True)]
)
def test_the_booted_kernel_must_be_the_planned_one(release: str, *, is_good: bool) -> None:
    """A reboot into the old kernel is found."""
    image = replace(change("linux-image-6.1.0-50-amd64", "6.1.192-2"), old_version="")
    there = replace(
        facts(installed("linux-image-6.1.0-50-amd64", "6.1.192-2")),
        boot_id="boot-2",
        kernel=RunningKernel(release, "#1 SMP Debian 6.1.192-2 (2026-02-01)"),
    )
    status = replace(GOOD, reboot_reason="kernel")
    found = verify((image,), there, status, boot_id_before="boot-1", must_have_booted=True)
    assert found.is_good is is_good


def test_one_process_that_nobody_can_read_is_said_and_fails_no_host() -> None:
    """It is known which one: the effect is not called effective."""
    guarded = replace(facts(*AS_PLANNED), unread_processes=("1 agent",))
    found = verify(EXPECTED, guarded, GOOD)
    assert (found.is_good, found.effect) == (True, Effect.UNKNOWN_IN_MEMORY)
    assert "1 agent" in found.detail


@pytest.mark.parametrize("boot_id", ["", "-"])
def test_a_boot_id_that_cannot_be_read_proves_no_boot(boot_id: str) -> None:
    """It differs from the one before, and says nothing."""
    blind = replace(facts(*AS_PLANNED), boot_id=boot_id)
    found = verify(EXPECTED, blind, GOOD, boot_id_before="boot-1", must_have_booted=True)
    assert "is not known" in found.detail
    assert not found.is_good


def test_packages_left_half_way_are_a_hard_signal() -> None:
    """A broken dpkg on one host is enough; what was removed and left its files is not."""
    broken = facts(installed("bash"), installed("nginx", status="iF"))
    gone = facts(installed("bash"), installed("nginx", status="rc"))
    assert hard_signals(broken, compare((), ()), (), Losses()) == (HardSignal.BROKEN_PACKAGES,)
    assert hard_signals(gone, compare((), ()), (), Losses()) == ()


@pytest.mark.parametrize("kind", CheckKind)
@pytest.mark.parametrize("before", [Verdict.PASSED, Verdict.FAILED])
def test_a_checked_unit_that_failed_is_a_hard_signal(kind: CheckKind, before: Verdict) -> None:
    """Only a unit, and only one that the change broke."""
    check = Check("web", kind, "*", "nginx.service")
    was = (CheckResult("web", before, "", 0),)
    now = (CheckResult("web", Verdict.FAILED, "inactive", 0),)
    is_hard = kind is CheckKind.UNIT and before is Verdict.PASSED
    expected = (HardSignal.UNIT_FAILED,) if is_hard else ()
    assert hard_signals(facts(installed("bash")), compare(was, now), (check,), Losses()) == expected
