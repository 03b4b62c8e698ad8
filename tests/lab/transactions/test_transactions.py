"""Transactions on real hosts: the plan happens, or nothing does, or it is undone."""

import asyncio
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost
from tests.lab.transactions.packages import (
    automatic,
    automatic_new,
    config,
    config_new,
    dead,
    extra_new,
    fragile,
    fragile_new,
    library,
    library_new,
    service,
    service_new,
    slow,
    slow_new,
)
from tests.lab.transactions.small_archive import SmallArchive

from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.core.errors import ConflictError, HostError, RefusedError
from oakum.core.ids import TransactionId
from oakum.core.planning.change import PackageChange
from oakum.core.planning.plan import RestartPolicy
from oakum.core.rollout.transaction import KeptConffile, TransactionState, TransactionStatus
from oakum.ports.package_manager import Target, Transaction, TransactionMode
from oakum.ports.transport import Session

pytestmark = pytest.mark.lab

APT = AptPackageManager(lock_seconds=2)
SECONDS = 90
STATE = (
    "dpkg-query -W -f '${db:Status-Abbrev} ${Package}:${Architecture} ${Version}\\n';"
    " apt-mark showauto"
)
LOCKER = """
use Fcntl;
open F, ">", "/var/lib/dpkg/lock-frontend";
my $lock = pack("ssx4qqlx4", F_WRLCK, 0, 0, 0, 0);
fcntl F, F_SETLK, $lock or die;
sleep 100;
"""
PIN = "Package: oak-library\nPin: version 1.0\nPin-Priority: 1001\n"
STOP_IN_EXTRA = (
    "sed -i '/^Package: oak-extra$/,/^$/ s/^Status: .*/Status: install reinstreq half-installed/'"
    " /var/lib/dpkg/status; rm -f /var/lib/dpkg/info/oak-extra.*"
)
TIMERS = (
    "systemctl show -P ActiveState -P UnitFileState -P LoadState"
    " apt-daily.timer apt-daily-upgrade.timer"
)
BY_SYSTEMD = "systemctl start --no-block apt-daily-upgrade.service"
BY_HAND = "systemd-run -q --unit=by-hand /usr/lib/apt/apt.systemd.daily install"
DAILY_UNITS = "apt-daily-upgrade.service by-hand.service"
DAILY_WORK = "grep -l -z -x lock_is_held /proc/[0-9]*/cmdline || :"


def upgrade(archive: SmallArchive, *changes: PackageChange, name: str = "t1") -> Transaction:
    return Transaction(
        id=TransactionId(name),
        mode=TransactionMode.UPGRADE,
        access=archive.access,
        changes=changes,
        restart_policy=RestartPolicy.AFFECTED,
    )


def way_back(
    archive: SmallArchive, *changes: PackageChange, undoes: str | None = "t1"
) -> Transaction:
    return Transaction(
        id=TransactionId("t1-back"),
        mode=TransactionMode.ROLL_BACK,
        access=archive.access,
        changes=changes,
        restart_policy=RestartPolicy.AFFECTED,
        undoes=None if undoes is None else TransactionId(undoes),
    )


async def wait(
    session: Session, transaction: Transaction, seconds: float = SECONDS
) -> TransactionStatus:
    async with asyncio.timeout(seconds):
        while True:
            status = await APT.status(session, transaction.id)
            if status.state is not TransactionState.RUNNING:
                return status
            await asyncio.sleep(0.3)


async def carry_out(
    session: Session, transaction: Transaction, seconds: float = SECONDS
) -> TransactionStatus:
    await APT.start(session, transaction)
    return await wait(session, transaction, seconds)


def everything(archive: SmallArchive) -> tuple[PackageChange, ...]:
    return (
        archive.change(automatic, automatic_new),
        archive.change(config, config_new),
        archive.change(None, extra_new),
        archive.change(library, library_new),
        archive.change(service, service_new),
    )


def everything_back(archive: SmallArchive) -> tuple[PackageChange, ...]:
    return (
        archive.change(automatic_new, automatic),
        archive.change(config_new, config),
        archive.change(extra_new, None),
        archive.change(library_new, library),
        archive.change(service_new, service),
    )


def test_upgrade_and_way_back(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """An upgrade does what the simulation said, and rolling back leaves no difference at all."""
    host.shell("echo mine >/etc/oak/config")
    before, files_before = (
        host.shell(STATE),
        host.shell("cd /etc && find . -type f | sort | xargs md5sum"),
    )
    targets = None

    simulation = asyncio.run(APT.simulate(session, archive.access, targets))
    changes = everything(archive)
    assert simulation.problems == ()
    assert {(c.kind, c.key, c.old_version, c.new_version) for c in simulation.changes} >= {
        (c.kind, c.key, c.old_version, c.new_version) for c in changes
    }
    assert simulation.conffile_prompts == ("/etc/oak/config",)
    assert "oak-service.service" in simulation.restarts

    done = asyncio.run(carry_out(session, upgrade(archive, *changes)))
    assert (done.state, done.reason) == (TransactionState.SUCCEEDED, "")
    assert done.starts == 1
    assert done.restarted == ("oak-service.service",)
    assert host.shell("cat /etc/oak/config /etc/oak/plain") == "mine\ntwo\n"
    assert done.kept == (KeptConffile("/etc/oak/config", 2),)
    diffs = asyncio.run(APT.conffile_diffs(session, TransactionId("t1")))
    assert [line for line in diffs.splitlines() if line[:2] not in {"--", "++", "@@"}] == [
        "-mine",
        "+two",
    ]
    assert host.shell("stat -c %a /var/lib/oakum/transactions/t1/conffiles.diff") == "600\n"
    with pytest.raises(HostError, match="does not know"):
        asyncio.run(APT.conffile_diffs(session, TransactionId("t2")))
    assert "oak-extra" in host.shell("apt-mark showauto")

    back = asyncio.run(carry_out(session, way_back(archive, *everything_back(archive))))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before
    assert host.shell("cd /etc && find . -type f | sort | xargs md5sum") == files_before
    assert host.shell("systemctl is-active oak-service.service") == "active\n"


def test_a_unit_that_was_killed_does_not_hold_its_name(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A failed unit may stay loaded, and systemd takes no second of the same name."""
    host.shell("systemd-run --unit=oakum-t1 sh -c 'kill -9 $$'; sleep 0.5")
    assert host.shell("systemctl is-failed oakum-t1.service") == "failed\n"
    transaction = upgrade(archive, archive.change(library, library_new))
    status = asyncio.run(carry_out(session, transaction))
    assert (status.state, status.starts) == (TransactionState.SUCCEEDED, 1)


def test_same_id_runs_once(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Handed over twice at once and again afterwards, a transaction begins once."""
    transaction = upgrade(archive, archive.change(library, library_new))

    async def twice() -> TransactionStatus:
        await asyncio.gather(APT.start(session, transaction), APT.start(session, transaction))
        await wait(session, transaction)
        return await carry_out(session, transaction)

    status = asyncio.run(twice())
    assert (status.state, status.starts) == (TransactionState.SUCCEEDED, 1)
    assert host.shell("grep -c ' upgrade oak-library' /var/log/dpkg.log") == "1\n"


def test_id_stands_for_one_transaction(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """The same id with other changes is refused, and the first stays as it is."""
    asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    with pytest.raises(ConflictError):
        asyncio.run(APT.start(session, upgrade(archive, archive.change(config, config_new))))
    assert "oak-config 1.0" in host.shell("dpkg-query -W -f '${Package} ${Version}\\n'")


def test_drift_is_refused(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A plan that the host's resolver would not follow exactly changes nothing."""
    before = host.shell(STATE)
    status = asyncio.run(carry_out(session, upgrade(archive, archive.change(service, service_new))))
    assert status.state is TransactionState.REFUSED
    assert "only the host: install oak-extra:amd64" in status.reason
    assert host.shell(STATE) == before


def test_changed_package_is_refused(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A package with other bytes than approved is refused, even under a good signature."""
    change = archive.change(library, library_new)
    archive.add(replace(library_new, files={"/usr/share/oak/library": "evil\n"}))
    status = asyncio.run(carry_out(session, upgrade(archive, change)))
    assert status.state is TransactionState.REFUSED
    assert "not those that were approved" in status.reason
    assert host.shell("cat /usr/share/oak/library") == "one\n"


def test_tampered_pool_is_refused(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A package that is not what the signed index says is refused."""
    change = archive.change(library, library_new)
    deb = archive.path_of(library_new)
    content = bytearray(deb.read_bytes())
    content[-1] ^= 1
    deb.write_bytes(content)
    status = asyncio.run(carry_out(session, upgrade(archive, change)))
    assert status.state is TransactionState.REFUSED
    assert "download failed" in status.reason
    assert host.shell("cat /usr/share/oak/library") == "one\n"


def test_unsigned_snapshot_is_refused(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive, tmp_path: Path
) -> None:
    """A snapshot that another key signed is refused, by simulation and by transaction."""
    stranger = SmallArchive(tmp_path / "stranger")
    forged = replace(archive.access, public_key=stranger.access.public_key)
    stranger.close()
    simulation = asyncio.run(APT.simulate(session, forged, None))
    transaction = replace(upgrade(archive, archive.change(library, library_new)), access=forged)
    status = asyncio.run(carry_out(session, transaction))
    assert "cannot be read" in simulation.problems[0]
    assert status.state is TransactionState.REFUSED
    assert host.shell("cat /usr/share/oak/library") == "one\n"


def test_held_lock_is_refused_by_name(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Whoever holds dpkg's lock is named, and keeps it."""
    _hold_the_lock(host)
    status = asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    assert status.state is TransactionState.REFUSED
    assert "(perl)" in status.reason
    assert host.shell("systemctl is-active holder") == "active\n"


def test_held_package_is_kept_back_and_refused(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A hold is the administrator's word: said by the simulation, refused by the transaction."""
    host.shell("apt-mark hold oak-library")
    simulation = asyncio.run(APT.simulate(session, archive.access, None))
    status = asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    assert ("oak-library:amd64", "held by the administrator at 1.0") in simulation.kept_back
    assert status.state is TransactionState.REFUSED
    assert "oak-library" in status.reason


def test_pinned_package_is_kept_back_and_refused(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """So is a pin."""
    (host.root / "etc/apt/preferences.d/oak").write_text(PIN)
    simulation = asyncio.run(APT.simulate(session, archive.access, None))
    status = asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    assert ("oak-library:amd64", "pinned by the administrator at 1.0") in simulation.kept_back
    assert status.state is TransactionState.REFUSED
    assert "pinned" in status.reason


def test_full_disk_is_refused(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Without room nothing begins, and the place is named."""
    host.shell("mkdir -p /var/lib/oakum && mount -t tmpfs -o size=4m tmpfs /var/lib/oakum")
    status = asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    assert status.state is TransactionState.REFUSED
    assert "make room" in status.reason
    host.shell("rm -rf /var/lib/oakum/*; head -c 8m /dev/zero >/var/lib/oakum/fill || true")
    with pytest.raises(HostError):
        asyncio.run(APT.start(session, upgrade(archive, archive.change(library, library_new))))
    assert asyncio.run(APT.simulate(session, archive.access, None)).problems
    assert host.shell("cat /usr/share/oak/library") == "one\n"


def test_installed_version_must_be_at_hand(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """No way back, no way forward: a snapshot without the installed version is refused."""
    archive.path_of(library).unlink()
    archive.publish()
    status = asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    assert status.state is TransactionState.REFUSED
    assert "no way back" in status.reason
    assert host.shell("cat /usr/share/oak/library") == "one\n"


def test_failing_postinst_is_undone(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A version that cannot be configured, and forbids to leave it, is left all the same."""
    before = host.shell(STATE)
    changes = (archive.change(fragile, fragile_new), archive.change(library, library_new))
    status = asyncio.run(carry_out(session, upgrade(archive, *changes)))
    assert status.state is TransactionState.FAILED
    assert "every package is back at its old version" in status.reason
    assert host.shell(STATE) == before
    backwards = (archive.change(fragile_new, fragile), archive.change(library_new, library))
    back = asyncio.run(carry_out(session, way_back(archive, *backwards)))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")


def test_rolls_back_from_a_broken_state(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A roll-back without restore point, from a half-configured package, takes the snapshot's."""
    before = host.shell(STATE)
    deb = archive.path_of(fragile_new)
    (host.root / "var/tmp" / deb.name).write_bytes(deb.read_bytes())
    host.try_shell("dpkg -i /var/tmp/*.deb")
    assert "iF  oak-fragile" in host.shell(STATE)
    back = way_back(archive, archive.change(fragile_new, fragile), undoes=None)
    status = asyncio.run(carry_out(session, back))
    assert (status.state, status.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before


def test_a_new_package_that_dpkg_was_stopped_in_is_removed_on_the_way_back(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """A disk that fills up while a new package is unpacked leaves it so: apt finds no way then."""
    before = host.shell(STATE)
    asyncio.run(carry_out(session, upgrade(archive, *everything(archive))))
    host.shell(STOP_IN_EXTRA)
    back = asyncio.run(carry_out(session, way_back(archive, *everything_back(archive))))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before


@pytest.mark.parametrize("state", ["half-installed", "unpacked", "half-configured"])
def test_a_package_that_dpkg_was_killed_in_is_unpacked_again(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive, state: str
) -> None:
    """Whatever dpkg calls it: one that it will not configure stops nothing that was approved."""
    changes = (archive.change(library, library_new), archive.change(slow, slow_new))
    transaction = upgrade(archive, *changes)

    async def interrupted() -> TransactionStatus:
        await APT.start(session, transaction)
        await asyncio.to_thread(host.wait_for_file, "var/lib/oak-slow")
        host.shell("systemctl kill --signal=KILL oakum-t1.service; sleep 0.5")
        assert "1.1" in host.shell("dpkg-query -W oak-library")
        host.shell(
            "sed -i '/^Package: oak-library$/,/^$/ "
            f"s/^Status: .*/Status: install reinstreq {state}/' /var/lib/dpkg/status"
        )
        return await carry_out(session, transaction)

    status = asyncio.run(interrupted())
    assert (status.state, status.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell("cat /usr/share/oak/library /usr/share/oak/slow") == "two\ntwo\n"


def test_service_that_no_longer_starts_fails_and_rolls_back(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Good packages and a dead service: the transaction failed, and going back mends it."""
    archive.add(dead)
    before = host.shell(STATE)
    status = asyncio.run(carry_out(session, upgrade(archive, archive.change(service, dead))))
    assert status.state is TransactionState.FAILED
    assert "oak-service.service is failed" in status.reason
    back = asyncio.run(carry_out(session, way_back(archive, archive.change(dead, service))))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell("systemctl is-active oak-service.service") == "active\n"
    assert host.shell(STATE) == before


@pytest.mark.parametrize("cut", ["unit", "power"])
def test_killed_while_unpacking_then_resumed(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive, cut: str
) -> None:
    """Killed in the middle of dpkg, a transaction is interrupted; started again, it ends well."""
    transaction = upgrade(
        archive, archive.change(library, library_new), archive.change(slow, slow_new)
    )

    asyncio.run(APT.start(session, transaction))
    host.wait_for_file("var/lib/oak-slow")
    if cut == "unit":
        host.shell("systemctl kill --signal=KILL oakum-t1.service; sleep 0.5")
    else:
        host.cut_power()
        host.boot("oakagain")
    interrupted = asyncio.run(APT.status(session, transaction.id))
    assert interrupted.state is TransactionState.INTERRUPTED
    # Should nobody take it up, the host still updates itself.
    host.shell("flock -n /var/lib/apt/daily_lock true")
    assert "masked" not in host.shell(TIMERS)
    status = asyncio.run(carry_out(session, transaction))
    assert (status.state, status.reason, status.starts) == (TransactionState.SUCCEEDED, "", 1)
    assert "ii  oak-slow:amd64 1.1" in host.shell(STATE)
    assert "ii  oak-library:amd64 1.1" in host.shell(STATE)


def test_a_way_back_does_not_end_at_a_lock(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """It is the way out: it is taken up again, where an upgrade would be refused."""
    before = host.shell(STATE)
    asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    back = way_back(archive, archive.change(library_new, library))
    done = _meets_the_lock_and_ends(host, session, back)
    assert (done.state, done.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before


def _hold_the_lock(host: ThrowAwayHost) -> None:
    (host.root / "var/tmp/locker.pl").write_text(LOCKER)
    host.shell("systemd-run -q --unit=holder perl /var/tmp/locker.pl; sleep 0.5")


def _meets_the_lock_and_ends(
    host: ThrowAwayHost, session: InsideSession, transaction: Transaction
) -> TransactionStatus:
    """Start it beside a held lock, require that it names the holder and waits, and let it end."""
    _hold_the_lock(host)
    asyncio.run(APT.start(session, transaction))
    unit = f"oakum-{transaction.id}.service"
    host.shell(f"while systemctl -q is-active {unit}; do sleep 0.1; done")
    waits = asyncio.run(APT.status(session, transaction.id))
    assert (waits.state, "perl" in waits.last_words) == (TransactionState.INTERRUPTED, True)
    host.shell("systemctl stop holder.service")
    return asyncio.run(carry_out(session, transaction))


def test_a_lock_that_is_met_half_way_is_waited_for(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """No end is told of a host that is half-way: it is taken up when the lock is gone."""
    transaction = upgrade(archive, archive.change(slow, slow_new))
    asyncio.run(APT.start(session, transaction))
    host.wait_for_file("var/lib/oak-slow")
    host.shell("systemctl kill --signal=KILL oakum-t1.service; sleep 0.5")
    status = _meets_the_lock_and_ends(host, session, transaction)
    assert (status.state, status.reason, status.starts) == (TransactionState.SUCCEEDED, "", 1)
    assert "ii  oak-slow:amd64 1.1" in host.shell(STATE)


@pytest.mark.parametrize("start", [BY_SYSTEMD, BY_HAND])
def test_the_daily_work_of_apt_waits(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive, start: str
) -> None:
    """Whoever starts it: it begins when the transaction has ended, and the timers are as before."""
    before = host.shell(TIMERS)
    transaction = upgrade(archive, archive.change(slow, slow_new))
    asyncio.run(APT.start(session, transaction))
    host.wait_for_file("var/lib/oak-slow")
    host.shell(f"systemctl stop apt-daily-upgrade.service; {start}; sleep 3")
    within = (host.shell(f"systemctl is-active {DAILY_UNITS} || :"), host.shell(DAILY_WORK))
    asleep = "grep -l -z -x 3[0]0 /proc/[0-9]*/cmdline | cut -d / -f 3"
    host.shell(f'until pid=$({asleep}) && [ -n "$pid" ]; do sleep 0.1; done; kill $pid')
    asyncio.run(wait(session, transaction))
    assert within[0].split().count("inactive") == 1
    assert within[1] == ""
    host.shell(f"while systemctl is-active {DAILY_UNITS} | grep -q '^activ'; do sleep 0.1; done")
    assert host.shell(f"systemctl is-failed {DAILY_UNITS} || :").split() == ["inactive"] * 2
    assert host.shell(TIMERS) == before


def test_daily_work_that_runs_old_code_is_let_be(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Its restart would wait for the transaction, and no boot is needed for what ends by itself."""
    place = "/etc/systemd/system/apt-daily-upgrade.service.d"
    stands_in = "[Service]\\nExecStartPre=\\nExecStart=\\nExecStart=/usr/lib/oak/oakd infinity\\n"
    host.shell(f"mkdir -p {place} && printf '{stands_in}' >{place}/test.conf")
    host.shell(f"systemctl daemon-reload; systemctl stop apt-daily-upgrade.service; {BY_SYSTEMD}")
    shown = "systemctl show -P MainPID apt-daily-upgrade.service"
    host.shell(
        f'until [ "$(readlink /proc/$({shown})/exe)" = /usr/lib/oak/oakd ]; do sleep 0.1; done'
    )
    done = asyncio.run(carry_out(session, upgrade(archive, *everything(archive))))
    assert (done.state, done.reason) == (TransactionState.SUCCEEDED, "")
    assert (done.restarted, done.reboot_reason) == (("oak-service.service",), "")
    journal = host.shell("cat /var/lib/oakum/transactions/t1/journal")
    assert re.search(r"oakd, apt-daily-upgrade[.]service[)] maps old \S+ until it ends", journal)
    host.shell("systemctl stop apt-daily-upgrade.service")


def test_daily_work_that_does_not_end_is_named(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Nothing is begun beside it; what is to be put back is put back all the same."""
    asyncio.run(carry_out(session, upgrade(archive, archive.change(library, library_new))))
    host.shell("systemd-run -q --unit=daily flock /var/lib/apt/daily_lock sleep 100; sleep 0.5")
    another = upgrade(archive, archive.change(service, service_new), name="t2")
    status = asyncio.run(carry_out(session, another))
    assert status.state is TransactionState.REFUSED
    assert "apt's daily work" in status.reason
    assert "wait for it" in status.reason
    back = way_back(archive, archive.change(library_new, library))
    status = asyncio.run(carry_out(session, back))
    assert (status.state, status.reason) == (TransactionState.SUCCEEDED, "")
    host.shell("systemctl stop daily.service")


def test_repacks_what_is_installed(
    host: ThrowAwayHost, session: InsideSession, tmp_path: Path
) -> None:
    """What no archive has any more can be made from the host, and is the same package."""
    targets = (
        Target("oak-auto", "all", "1:1.0"),
        Target("oak-service", "amd64", "1.0"),
        Target("bsdutils", "amd64", host.shell("dpkg-query -W -f '${Version}' bsdutils")),
    )
    debs = asyncio.run(APT.repack(session, targets))
    for target, content in zip(targets, debs, strict=True):
        path = tmp_path / f"{target.name}.deb"
        path.write_bytes(content)
        said = subprocess.run(
            ["dpkg-deb", "-W", "--showformat", "${Package}:${Architecture} ${Version}", path],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert said == f"{target.name}:{target.architecture} {target.version}"
    with pytest.raises(HostError):
        asyncio.run(APT.repack(session, (Target("oak-auto", "all", "1:9.9"),)))
    assert host.shell("ls /var/lib/oakum") == ""


def test_without_systemd(plain_host: ThrowAwayHost, archive: SmallArchive) -> None:
    """A host without systemd does the same, detached by setsid."""
    session = InsideSession(plain_host)
    before = plain_host.shell(STATE)
    done = asyncio.run(carry_out(session, upgrade(archive, *everything(archive))))
    assert (done.state, done.reason, done.starts) == (TransactionState.SUCCEEDED, "", 1)
    back = asyncio.run(carry_out(session, way_back(archive, *everything_back(archive))))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert plain_host.shell(STATE) == before


def test_reboots_once(host: ThrowAwayHost, session: InsideSession, archive: SmallArchive) -> None:
    """A host is rebooted once for a transaction, however often it is asked."""
    transaction = upgrade(archive, archive.change(library, library_new))
    with pytest.raises(RefusedError):
        asyncio.run(APT.reboot(session, transaction.id))
    asyncio.run(carry_out(session, transaction))
    asyncio.run(APT.reboot(session, transaction.id))
    host.finish_reboot("oakagain")
    asyncio.run(APT.reboot(session, transaction.id))
    host.shell("sleep 2; systemctl is-system-running")
    assert asyncio.run(APT.status(session, transaction.id)).state is TransactionState.SUCCEEDED


def test_a_hung_script_holds_up_a_reboot_no_longer_than_systemd_allows(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive
) -> None:
    """Dpkg is not stopped in its work; then the reboot is forced, and it ends well after it."""
    limit = host.root / "etc/systemd/system/reboot.target.d/limit.conf"
    limit.parent.mkdir()
    usual = host.shell("systemctl show -P JobTimeoutUSec -P JobTimeoutAction reboot.target")
    assert usual.split() == ["30min", "reboot-force"]
    limit.write_text("[Unit]\nJobTimeoutSec=15\n")
    host.shell("systemctl daemon-reload")
    transaction = upgrade(archive, archive.change(slow, slow_new))
    asyncio.run(APT.start(session, transaction))
    host.wait_for_file("var/lib/oak-slow")
    begun = time.monotonic()
    host.shell("systemctl reboot --no-block")
    host.finish_reboot("oakhung")
    assert time.monotonic() - begun > 14
    status = asyncio.run(carry_out(session, transaction))
    assert (status.state, status.reason, status.starts) == (TransactionState.SUCCEEDED, "", 1)
