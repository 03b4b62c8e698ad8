"""Hosts that nobody confirms go back by themselves, once; those that are confirmed stay."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost, wait_until_unwatched
from tests.lab.transactions.packages import (
    config,
    config_new,
    fragile,
    fragile_new,
    library,
    library_new,
    slow,
    slow_new,
)
from tests.lab.transactions.small_archive import SmallArchive
from tests.lab.transactions.test_transactions import (
    APT,
    LOCKER,
    STATE,
    carry_out,
    everything,
    everything_back,
    upgrade,
    way_back,
)

from oakum.core.planning.change import PackageChange
from oakum.core.rollout.transaction import DeadmanState, TransactionState, TransactionStatus
from oakum.ports.package_manager import Deadman, Transaction

pytestmark = pytest.mark.lab

SECONDS, LONGER = 6, 20
"""What is waited for, and what must not be over before a test has done its part."""
RUNS = "active,activating,deactivating,failed"
LEFT = (
    "ls /etc/systemd/system /etc/systemd/system/multi-user.target.wants | grep oakum;"
    f" systemctl list-units --plain --no-legend --state={RUNS} 'oakum-deadman-*' 'oakum-watch-*'"
)
FILES = "cd /etc && find . -type f ! -name machine-id | sort | xargs md5sum"


def watched(transaction: Transaction, back: Transaction, seconds: int = SECONDS) -> Transaction:
    return replace(transaction, deadman=Deadman(back, seconds))


def of_everything(archive: SmallArchive, seconds: int = SECONDS) -> Transaction:
    back = way_back(archive, *everything_back(archive))
    return watched(upgrade(archive, *everything(archive)), back, seconds)


def of_one(archive: SmallArchive, *pair: PackageChange, seconds: int = SECONDS) -> Transaction:
    there, back = pair
    return watched(upgrade(archive, there), way_back(archive, back), seconds)


async def status_of_way_back(session: InsideSession, transaction: Transaction) -> TransactionStatus:
    """Wait until the host has gone back, without any other word to it than this question."""
    assert transaction.deadman is not None
    async with asyncio.timeout(90):
        while True:
            status = await APT.status(session, transaction.deadman.back.id)
            ends = {TransactionState.ABSENT, TransactionState.RUNNING, TransactionState.INTERRUPTED}
            if status.state not in ends:
                return status
            await asyncio.sleep(0.3)


def nothing_is_left(host: ThrowAwayHost) -> bool:
    deadline = time.monotonic() + 10
    while host.try_shell(LEFT) and time.monotonic() < deadline:
        time.sleep(0.2)
    return host.try_shell(LEFT) == ""


def test_goes_back_when_nobody_confirms(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Versions, marks and configuration are as before, and who ordered it is said."""
    before, files = host.shell(STATE), host.shell(FILES)
    transaction = of_everything(archive)
    done = asyncio.run(carry_out(session, transaction))
    assert (done.state, done.deadman) == (TransactionState.SUCCEEDED, DeadmanState.ARMED)
    assert host.shell(STATE) != before
    archive.close()  # Nothing of the world is there any more.

    back = asyncio.run(status_of_way_back(session, transaction))
    assert (back.state, back.reason, back.starts) == (TransactionState.SUCCEEDED, "", 1)
    assert back.begun_by_host.startswith("no controller confirmed within 6 seconds")
    assert host.shell(STATE) == before
    assert nothing_is_left(host)
    assert host.shell(FILES) == files
    assert asyncio.run(APT.status(session, transaction.id)).deadman is DeadmanState.FIRED


def test_a_late_controller_finds_it_done(session: InsideSession, archive: SmallArchive) -> None:
    """Its word comes too late, and its own roll-back is the one that was done."""
    transaction = of_everything(archive)
    asyncio.run(carry_out(session, transaction))
    asyncio.run(status_of_way_back(session, transaction))
    assert transaction.deadman is not None
    assert asyncio.run(APT.confirm(session, transaction.id)) is DeadmanState.FIRED
    again = asyncio.run(carry_out(session, transaction.deadman.back))
    assert (again.state, again.starts) == (TransactionState.SUCCEEDED, 1)
    assert again.begun_by_host


def test_stays_when_it_is_confirmed(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Confirmed once or twice: nothing goes back, and nothing of the watch is left."""
    transaction = of_everything(archive, LONGER)
    asyncio.run(carry_out(session, transaction))
    after = host.shell(STATE)
    assert asyncio.run(APT.confirm(session, transaction.id)) is DeadmanState.CONFIRMED
    assert asyncio.run(APT.confirm(session, transaction.id)) is DeadmanState.CONFIRMED
    assert nothing_is_left(host)
    time.sleep(LONGER + 3)
    assert host.shell(STATE) == after
    assert asyncio.run(APT.status(session, transaction.id)).deadman is DeadmanState.CONFIRMED


def test_without_one_nothing_goes_back(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Switched off, the controller's word is taken all the same."""
    transaction = upgrade(archive, archive.change(library, library_new))
    done = asyncio.run(carry_out(session, transaction))
    assert done.deadman is DeadmanState.OFF
    assert asyncio.run(APT.confirm(session, transaction.id)) is DeadmanState.OFF
    assert nothing_is_left(host)


def test_counts_anew_after_a_boot(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A host that boots in between is watched on, and goes back."""
    before = host.shell(STATE)
    transaction = of_everything(archive, seconds=LONGER)
    asyncio.run(carry_out(session, transaction))
    asyncio.run(APT.reboot(session, transaction.id))
    host.finish_reboot("deadmanboot")
    assert asyncio.run(APT.status(session, transaction.id)).deadman is DeadmanState.ARMED
    back = asyncio.run(status_of_way_back(session, transaction))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before
    assert nothing_is_left(host)


def test_goes_back_after_a_power_cut_in_dpkg(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """The network never comes back: the host finds dpkg half-way, and goes back by itself."""
    before = host.shell(STATE)
    pair = archive.change(slow, slow_new), archive.change(slow_new, slow)
    transaction = of_one(archive, *pair, seconds=8)
    asyncio.run(APT.start(session, transaction))
    host.wait_for_file("var/lib/oak-slow")
    host.cut_power()
    archive.close()
    host.boot("deadmanpower")
    back = asyncio.run(status_of_way_back(session, transaction))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before
    late = asyncio.run(APT.status(session, transaction.id))
    assert (late.state, late.deadman) == (TransactionState.INTERRUPTED, DeadmanState.FIRED)


def test_goes_on_after_a_power_cut_on_the_way_back(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """What it began it ends, whenever the power comes back."""
    before = host.shell(STATE)
    slow_back = replace(slow, scripts={"preinst": "[ -e /x ] || { : >/x; sync; sleep 300; }"})
    archive.add(slow_back)
    quick_new = replace(slow_new, scripts={})
    archive.add(quick_new)
    pair = archive.change(slow_back, quick_new), archive.change(quick_new, slow_back)
    transaction = of_one(archive, *pair, seconds=5)
    asyncio.run(carry_out(session, transaction))
    host.wait_for_file("x")
    host.cut_power()
    host.boot("deadmanpower")
    back = asyncio.run(status_of_way_back(session, transaction))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before
    assert nothing_is_left(host)


def test_never_fires_in_the_middle_of_dpkg(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A transaction that takes longer than the deadman ends first; then its time begins."""
    long = replace(slow_new, scripts={"preinst": f"sleep {LONGER + 5}"})
    archive.add(long)
    pair = archive.change(slow, long), archive.change(long, slow)
    transaction = of_one(archive, *pair, seconds=LONGER)
    done = asyncio.run(carry_out(session, transaction))
    assert (done.state, done.deadman) == (TransactionState.SUCCEEDED, DeadmanState.ARMED)
    time.sleep(2)
    assert asyncio.run(APT.confirm(session, transaction.id)) is DeadmanState.CONFIRMED
    assert "oak-slow:amd64 1.1" in host.shell(STATE)


def test_waits_for_the_dpkg_of_others(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """An administrator who is at work is not interrupted, and not run beside."""
    before = host.shell(STATE)
    pair = archive.change(library, library_new), archive.change(library_new, library)
    transaction = of_one(archive, *pair, seconds=LONGER)
    asyncio.run(carry_out(session, transaction))
    (host.root / "var/tmp/locker.pl").write_text(LOCKER)
    host.shell("systemd-run -q --unit=holder perl /var/tmp/locker.pl; sleep 0.5")
    time.sleep(LONGER + 5)
    assert asyncio.run(APT.status(session, transaction.id)).deadman is DeadmanState.ARMED
    assert host.shell("systemctl is-active holder; systemctl stop holder") == "active\n"
    back = asyncio.run(status_of_way_back(session, transaction))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before


def test_stands_down_when_the_upgrade_undid_itself(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """There is nothing to go back from."""
    changes = archive.change(fragile, fragile_new), archive.change(fragile_new, fragile)
    transaction = of_one(archive, *changes)
    done = asyncio.run(carry_out(session, transaction))
    assert (done.state, done.deadman) == (TransactionState.FAILED, DeadmanState.WITHDRAWN)
    assert nothing_is_left(host)


def test_stands_down_when_a_controller_rolls_back(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """It is done once, by whoever comes first."""
    transaction = of_everything(archive, LONGER)
    asyncio.run(carry_out(session, transaction))
    assert transaction.deadman is not None
    back = asyncio.run(carry_out(session, transaction.deadman.back))
    assert (back.state, back.begun_by_host) == (TransactionState.SUCCEEDED, "")
    assert asyncio.run(APT.status(session, transaction.id)).deadman is DeadmanState.WITHDRAWN
    assert nothing_is_left(host)


def test_a_host_that_cannot_watch_over_itself_is_not_changed(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Nothing begins without the deadman that the plan wants."""
    before = host.shell(STATE)
    host.shell("mount -o bind,ro /etc/systemd/system /etc/systemd/system")
    done = asyncio.run(carry_out(session, of_everything(archive)))
    assert done.state is TransactionState.REFUSED
    assert "cannot watch over itself: cannot write /etc/systemd/system" in done.reason
    assert host.shell(STATE) == before


def test_is_armed_when_a_shutdown_forbade_it_at_first(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """One that is taken up again after the boot must not change the host without it."""
    transaction = of_everything(archive, LONGER)
    host.shell(f"systemd-run --unit=oakum-watch-{transaction.id} sleep 300")
    assert asyncio.run(carry_out(session, transaction)).state is TransactionState.REFUSED
    # As a shutdown leaves it: without a result.
    host.shell(f"rm /var/lib/oakum/transactions/{transaction.id}/result")
    host.try_shell(f"systemctl stop oakum-watch-{transaction.id}")
    done = asyncio.run(carry_out(session, transaction))
    assert (done.state, done.deadman) == (TransactionState.SUCCEEDED, DeadmanState.ARMED)


def test_without_systemd(plain_host: ThrowAwayHost, archive: SmallArchive) -> None:
    """It goes back or stays there too, for as long as it is up."""
    session = InsideSession(plain_host)
    before = plain_host.shell(STATE)
    changes = archive.change(config, config_new), archive.change(config_new, config)
    transaction = of_one(archive, *changes)
    done = asyncio.run(carry_out(session, transaction))
    assert done.deadman is DeadmanState.ARMED
    back = asyncio.run(status_of_way_back(session, transaction))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert plain_host.shell(STATE) == before
    wait_until_unwatched(plain_host.root)


def test_watches_with_the_new_code(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """What watches does not hold the old version in memory: that would speak against the host."""
    transaction = of_everything(archive, seconds=60)
    asyncio.run(carry_out(session, transaction))
    host.shell("cp /usr/bin/dash /usr/bin/dash.new && mv /usr/bin/dash.new /usr/bin/dash")
    stale = "grep -l 'dash.*deleted' /proc/[0-9]*/maps 2>/dev/null | wc -l"
    deadline = time.monotonic() + 25
    while host.shell(stale) != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.5)
