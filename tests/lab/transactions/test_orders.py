"""Signed orders on a booted host: the transaction is a unit of systemd, and a reboot is allowed."""

import asyncio
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.verifier.machine import HOST, PROGRAMS, SNAPSHOTS
from tests.integration.verifier.offer import changes_of, manifest_of
from tests.integration.verifier.orders import approvers, today
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost
from tests.lab.transactions.small_archive import SmallArchive

from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.adapters.signing.ssh_keygen import SshKeygen
from oakum.core.errors import HostError
from oakum.core.ids import TransactionId
from oakum.core.orders.order import Origin, SignedOrder, write_order
from oakum.core.orders.preparation import Preparation, host_files
from oakum.core.planning.plan import RebootPolicy
from oakum.core.rollout.transaction import TransactionState
from oakum.ports.package_manager import Transaction, TransactionMode
from oakum.ports.transport import GuardedSession

pytestmark = pytest.mark.lab

APT = AptPackageManager()
PLACE = "/var/lib/oakum/transactions/t1"
NO_SUDO = '#!/bin/sh\nshift 2\nexec "$@"\n'
"""The image has no sudo, and the session is root: it needs none. The real one has its own tests."""


def prepare(host: ThrowAwayHost, keys: tuple[str, ...]) -> None:
    """Put the verifier there, with this machine's ssh-keygen: the image has none."""
    shutil.copy("/usr/bin/ssh-keygen", host.root / "usr/bin")
    needed = subprocess.run(["ldd", "/usr/bin/ssh-keygen"], capture_output=True, check=True)
    for word in needed.stdout.decode().split():
        if word.startswith("/lib/") and not (host.root / word.lstrip("/")).exists():
            shutil.copy(word, host.root / word.lstrip("/"))
    wanted = Preparation(HOST, "oakum", keys, 2, ("ssh-ed25519 AAAA",), SNAPSHOTS)
    for file in host_files(wanted, PROGRAMS):
        if not file.path.startswith(("/home", "/etc/sudoers")):
            path = host.root / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
            path.chmod(file.mode)
    stand_in = host.root / "usr/local/bin/sudo"
    stand_in.write_text(NO_SUDO)
    stand_in.chmod(0o755)


def test_an_order_is_a_unit_and_reboots_where_it_may(
    host: ThrowAwayHost, session: InsideSession, archive: SmallArchive, tmp_path: Path
) -> None:
    """It runs detached from whoever gave it; a reboot takes the plan's leave and a need for it."""
    people = approvers(tmp_path, "ann", "bob")
    prepare(host, tuple(person.public for person in people))
    guarded, access, changes = GuardedSession(session), archive.access, changes_of(archive)
    plan = replace(today(), reboot_policy=RebootPolicy.WHEN_NEEDED)
    plan = replace(plan, classes=(replace(plan.classes[0], changes=changes, hosts=(HOST,)),))
    origin = Origin(access.url, access.suite, access.public_key)
    document = write_order(plan, manifest_of(archive), origin)
    order = SignedOrder(
        document, tuple(SshKeygen().sign(document, str(person.key)) for person in people)
    )
    transaction = Transaction(
        TransactionId("t1"),
        TransactionMode.UPGRADE,
        access,
        changes,
        plan.restart_policy,
        order=order,
    )
    asyncio.run(APT.start(guarded, transaction))
    host.shell(f"test -e {PLACE}/launch.log")
    host.wait_for_file(f"{PLACE}/result".lstrip("/"))
    status = asyncio.run(APT.status(guarded, transaction.id))
    assert (status.state, status.reason) == (TransactionState.SUCCEEDED, "")
    assert status.reboot_reason == ""
    with pytest.raises(HostError, match="needs no reboot"):
        asyncio.run(APT.reboot(guarded, transaction.id))
    host.shell(f"printf 'reboot\\told code runs\\n' >>{PLACE}/result")
    asyncio.run(APT.reboot(guarded, transaction.id))
    host.finish_reboot("oakordered")
    asyncio.run(APT.reboot(guarded, transaction.id))
    host.shell("sleep 2; systemctl is-system-running")
