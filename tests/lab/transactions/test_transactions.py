"""Transactions on real hosts: what is planned is what happens, or nothing happens, or it is undone."""

import asyncio
from dataclasses import replace

import pytest
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost
from tests.lab.transactions.packages import (
    automatic,
    automatic_new,
    config,
    config_new,
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
from oakum.core.ids import TransactionId
from oakum.core.planning.change import ChangeKind, PackageChange
from oakum.core.planning.plan import RestartPolicy
from oakum.core.rollout.transaction import TransactionState, TransactionStatus
from oakum.ports.package_manager import Transaction, TransactionMode

pytestmark = pytest.mark.lab

APT = AptPackageManager(lock_seconds=2)
SECONDS = 90
STATE = "dpkg-query -W -f '${db:Status-Abbrev} ${Package}:${Architecture} ${Version}\\n'; apt-mark showauto"


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


async def wait(session: InsideSession, transaction: Transaction) -> TransactionStatus:
    async with asyncio.timeout(SECONDS):
        while True:
            status = await APT.status(session, transaction.id)
            if status.state is not TransactionState.RUNNING:
                return status
            await asyncio.sleep(0.3)


async def carry_out(session: InsideSession, transaction: Transaction) -> TransactionStatus:
    await APT.start(session, transaction)
    return await wait(session, transaction)


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
    before, files_before = host.shell(STATE), host.shell("cd /etc && find . -type f | sort | xargs md5sum")
    targets = None

    simulation = asyncio.run(APT.simulate(session, archive.access, targets))
    changes = everything(archive)
    assert simulation.problems == ("",)[:0]
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
    assert "oak-extra" in host.shell("apt-mark showauto")

    back = asyncio.run(carry_out(session, way_back(archive, *everything_back(archive))))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert host.shell(STATE) == before
    assert host.shell("cd /etc && find . -type f | sort | xargs md5sum") == files_before
    assert host.shell("systemctl is-active oak-service.service") == "active\n"
