"""Roots on logical volumes: when dpkg is broken, files of the system come back from it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.lab.transactions import test_transactions
from tests.lab.transactions.packages import INSTALLED, fragile
from tests.lab.transactions.small_archive import SmallArchive
from tests.lab.transactions.test_snapshots import (
    BREAK_DPKG,
    DATA,
    USR,
    bad_changes,
    breaks_later,
    with_snapshot,
)
from tests.lab.transactions.test_transactions import STATE, way_back
from tests.lab.transactions.virtual_machine import (
    OUTSIDE,
    MachineImage,
    VirtualMachine,
    build_image,
)

from oakum.core.ids import TransactionId
from oakum.core.rollout.transaction import TransactionState, TransactionStatus
from oakum.ports.package_manager import Transaction

pytestmark = pytest.mark.lab

SECONDS = 300
SNAPSHOTS = "lvs --noheadings -o lv_tags fleet-vg | tr -d ' ' | grep . || :"
LEFT = "mount | grep /var/lib/oakum; ls -A /var/lib/oakum/snapshots; ls -A / | grep oakum || :"
FILL = "dd if=/dev/urandom of=/var/big bs=1M count=620 status=none; sync; rm /var/big"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> MachineImage:
    """Make what the machines boot."""
    directory = tmp_path_factory.mktemp("image")
    archive = SmallArchive(directory / "build")
    archive.add(*INSTALLED)
    archive.close()
    return build_image(directory, [archive.path_of(package) for package in INSTALLED])


@contextmanager
def booted(image: MachineImage, directory: Path, kind: str) -> Iterator[VirtualMachine]:
    machine = VirtualMachine(image, directory, kind)
    try:
        machine.boot()
        yield machine
    finally:
        machine.close()


def carry_out(machine: VirtualMachine, transaction: Transaction) -> TransactionStatus:
    """Have it done, from where the machine sees this one's archive."""
    url = transaction.access.url.replace("127.0.0.1", OUTSIDE)
    seen = replace(transaction, access=replace(transaction.access, url=url))
    return asyncio.run(test_transactions.carry_out(machine, seen, SECONDS))


def undoes_itself(machine: VirtualMachine, archive: SmallArchive) -> None:
    before, files = machine.shell(STATE), machine.shell(USR)
    done = carry_out(machine, with_snapshot(archive, *bad_changes(archive)))
    assert done.state is TransactionState.FAILED
    assert "every package is back at its old version" in done.reason, done.journal
    assert any("by the snapshot's files" in entry.detail for entry in done.journal)
    assert machine.shell(STATE) == before
    assert machine.shell(USR) == files
    assert machine.shell("dpkg --audit") == ""
    assert machine.shell(DATA) == 5 * "kept\n"
    assert machine.shell("systemctl is-active oak-service.service") == "active\n"
    assert machine.shell(SNAPSHOTS) == "oakum/t1.replaced\n"
    assert machine.shell(LEFT) == ""


def test_a_thin_snapshot_of_xfs(image: MachineImage, tmp_path: Path, archive: SmallArchive) -> None:
    """All of /usr is as before, to the byte, the mode and the owner; all data is kept."""
    with booted(image, tmp_path, "thin-xfs") as machine:
        undoes_itself(machine, archive)


def test_a_classic_snapshot(image: MachineImage, tmp_path: Path, archive: SmallArchive) -> None:
    """It brings files back, outlives a power cut, and is refused when it overflowed."""
    with booted(image, tmp_path, "classic-ext4") as machine:
        undoes_itself(machine, archive)

        machine.shell("lvcreate -y -q -L 4M --addtag theirs -n oakum-theirs fleet-vg")
        archive.add(breaks_later)
        second = with_snapshot(archive, archive.change(fragile, breaks_later))
        second = replace(second, id=TransactionId("t2"))
        done = carry_out(machine, second)
        assert done.state is TransactionState.SUCCEEDED, done.reason
        assert machine.shell(SNAPSHOTS) == "oakum/t2\ntheirs\n"
        machine.shell("sync")
        machine.cut_power()
        machine.boot()
        machine.shell(f"{FILL}; {BREAK_DPKG}")
        back = way_back(archive, archive.change(breaks_later, fragile), undoes="t2")
        done = carry_out(machine, back)
        assert done.state is TransactionState.FAILED
        assert "overflowed: more was written since than it had room for" in done.reason
        assert machine.shell("test -d /usr/lib/oak/junk/deep && cat /root/x") == "kept\n"
        assert machine.shell(LEFT) == ""
