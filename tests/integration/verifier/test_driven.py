"""A prepared host is driven as others are, through its verifier; a stolen snapshot gets nowhere."""

import asyncio
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from tests.integration.verifier.machine import HOST, TRANSACTIONS, USER, Machine
from tests.integration.verifier.offer import (
    NEW,
    OFFERED,
    OLD,
    PAIRS,
    VERSIONS,
    Pairs,
    changes_of,
    install_old,
    manifest_of,
)
from tests.integration.verifier.orders import Approver, today
from tests.lab.transactions.booted_host import wait_until_unwatched
from tests.lab.transactions.packages import fragile, fragile_new, library, library_new
from tests.lab.transactions.small_archive import SmallArchive

from oakum.adapters.facts.collector import ShellFactCollector
from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.adapters.signing.ssh_keygen import SshKeygen
from oakum.core.errors import HostError, RefusedError
from oakum.core.ids import TransactionId
from oakum.core.orders.order import Origin, SignedOrder, write_order
from oakum.core.rollback.inverse import invert
from oakum.core.rollout.transaction import DeadmanState, TransactionState, TransactionStatus
from oakum.ports.package_manager import (
    Deadman,
    Simulation,
    SnapshotAccess,
    Target,
    Transaction,
    TransactionMode,
)
from oakum.ports.transport import CommandResult, GuardedSession

APT = AptPackageManager()
PLACE = f"/{TRANSACTIONS}"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session of the ordinary account."""

    machine: Machine

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        assert timeout_seconds > 0
        words = ("sh", "-c", script, "sh", *arguments)
        return await asyncio.to_thread(self.machine.as_user, *words, stdin=stdin)


@pytest.fixture
def session(machine: Machine, archive: SmallArchive) -> GuardedSession:
    """Log in to a host that has the old versions installed."""
    install_old(machine, archive)
    return GuardedSession(LoggedIn(machine))


def upgrade(
    archive: SmallArchive, *people: Approver, pairs: Pairs = PAIRS, deadman_seconds: int = 0
) -> Transaction:
    """Return the upgrade with an order that these people signed."""
    changes, access = changes_of(archive, pairs), archive.access
    plan = today(deadman_seconds=deadman_seconds)
    plan = replace(plan, classes=(replace(plan.classes[0], changes=changes, hosts=(HOST,)),))
    origin = Origin(access.url, access.suite, access.public_key)
    document = write_order(plan, manifest_of(archive, pairs), origin)
    signatures = tuple(SshKeygen().sign(document, str(person.key)) for person in people)
    return Transaction(
        TransactionId("t1"),
        TransactionMode.UPGRADE,
        access,
        changes,
        plan.restart_policy,
        order=SignedOrder(document, signatures),
    )


def way_back(archive: SmallArchive, done: Transaction) -> Transaction:
    return replace(
        done,
        id=TransactionId(f"{done.id}.undo"),
        mode=TransactionMode.ROLL_BACK,
        changes=invert(done.changes, manifest_of(archive)),
        undoes=done.id,
        deadman=None,
    )


def watched(archive: SmallArchive, *people: Approver, seconds: int) -> Transaction:
    """Return the upgrade with an order that gives it so long to be confirmed."""
    there = upgrade(archive, *people, deadman_seconds=seconds)
    return replace(there, deadman=Deadman(way_back(archive, there), seconds))


async def carry_out(session: GuardedSession, transaction: Transaction) -> TransactionStatus:
    await APT.start(session, transaction)
    while True:
        status = await APT.status(session, transaction.id)
        if status.state is not TransactionState.RUNNING:
            return status
        await asyncio.sleep(0.2)


def test_signed_there_and_back(
    machine: Machine, session: GuardedSession, archive: SmallArchive, people: tuple[Approver, ...]
) -> None:
    """An upgrade and its way back, by an account that may do neither by itself."""
    there = upgrade(archive, *people[:2])
    status = asyncio.run(carry_out(session, there))
    assert (status.state, status.reason) == (TransactionState.SUCCEEDED, "")
    assert machine.as_root(VERSIONS) == NEW
    assert machine.as_root("apt-mark showauto oak-auto oak-library") == "oak-auto\n"
    status = asyncio.run(carry_out(session, way_back(archive, there)))
    assert (status.state, status.reason) == (TransactionState.SUCCEEDED, "")
    assert machine.as_root(VERSIONS) == OLD
    with pytest.raises(HostError, match="rolled back here"):
        asyncio.run(APT.start(session, replace(there, id=TransactionId("t2"))))


def test_a_deadman_goes_back_by_the_order(
    machine: Machine, session: GuardedSession, archive: SmallArchive, people: tuple[Approver, ...]
) -> None:
    """Nobody confirms: what was signed is undone, once, and the plan does not come again."""
    there = watched(archive, *people[:2], seconds=3)
    status = asyncio.run(carry_out(session, there))
    assert (status.state, status.deadman) == (TransactionState.SUCCEEDED, DeadmanState.ARMED)
    back = there.deadman.back if there.deadman else there
    machine.as_root(
        f"for i in $(seq 300); do [ ! -e {PLACE}/{back.id}/result ] || exit 0; sleep 0.1; done"
    )
    assert machine.as_root(VERSIONS) == OLD
    assert asyncio.run(APT.confirm(session, there.id)) is DeadmanState.FIRED
    status = asyncio.run(carry_out(session, back))
    assert (status.state, status.starts) == (TransactionState.SUCCEEDED, 1)
    assert "no controller confirmed within 3 seconds" in status.begun_by_host
    with pytest.raises(HostError, match="rolled back here"):
        asyncio.run(APT.start(session, replace(there, id=TransactionId("t2"))))
    wait_until_unwatched(machine.root)


def test_a_confirmed_order_stays(
    machine: Machine, session: GuardedSession, archive: SmallArchive, people: tuple[Approver, ...]
) -> None:
    """By a verb of the verifier, as the ordinary account; its way back stays open."""
    there = watched(archive, *people[:2], seconds=600)
    status = asyncio.run(carry_out(session, there))
    assert status.deadman is DeadmanState.ARMED
    assert asyncio.run(APT.confirm(session, there.id)) is DeadmanState.CONFIRMED
    wait_until_unwatched(machine.root)
    assert machine.as_root(VERSIONS) == NEW
    status = asyncio.run(carry_out(session, way_back(archive, there)))
    assert (status.state, status.begun_by_host) == (TransactionState.SUCCEEDED, "")
    with pytest.raises(HostError, match="does not know the transaction t9"):
        asyncio.run(APT.confirm(session, TransactionId("t9")))


@pytest.fixture
def snapshot(
    machine: Machine, archive: SmallArchive, people: tuple[Approver, ...]
) -> SnapshotAccess:
    """Serve the archive where the host was told that its snapshots are."""
    below = f"{archive.access.url}/snapshots"
    (archive.root / "snapshots").mkdir()
    (archive.root / "snapshots" / archive.access.snapshot).symlink_to("..")
    machine.prepare(tuple(p.public for p in people[:3]), threshold=2, snapshots=below)
    return replace(archive.access, url=f"{below}/{archive.access.snapshot}")


def test_facts_and_simulation_need_no_order(
    session: GuardedSession, snapshot: SnapshotAccess
) -> None:
    """What changes nothing is answered: also about the processes of others, which takes root."""
    now = datetime.now(UTC)  # noqa: TID251 - the host's clock is real
    facts = asyncio.run(ShellFactCollector().collect(session, now=now))
    assert facts.package("oak-library:amd64") is not None
    assert facts.saw_all_processes
    targets = tuple(
        Target(package.name, package.architecture, package.version) for package in OFFERED
    )

    async def twice() -> list[Simulation]:
        asked = (APT.simulate(session, snapshot, targets) for _ in range(2))
        return await asyncio.gather(*asked)

    found, again = asyncio.run(twice())
    assert found == again
    assert [(c.key, c.new_version) for c in found.changes] == [
        ("oak-auto:all", "1:1.1"),
        ("oak-config:amd64", "1.1"),
        ("oak-library:amd64", "1.1"),
    ]
    assert found.problems == ()


def test_an_index_that_fills_the_disk(
    machine: Machine, session: GuardedSession, snapshot: SnapshotAccess, archive: SmallArchive
) -> None:
    """Whoever asks brings the key, so its signature says nothing: there is a limit."""
    archive.add(replace(library_new, depends=f"oak-auto\nX-Filler: {'x' * (20 << 20)}"))
    place = machine.root / "var/lib/oakum"
    place.mkdir()
    machine.as_root("mount -t tmpfs -o size=100m,mode=755 tmpfs /var/lib/oakum")
    found = asyncio.run(APT.simulate(session, snapshot, None))
    assert found.changes == ()
    assert "here a file may have 16 MB" in found.problems[0]
    assert list(place.glob("simulate.?*/*")) == []


def test_an_index_that_leads_elsewhere(
    session: GuardedSession, snapshot: SnapshotAccess, archive: SmallArchive
) -> None:
    """A redirection is not followed: it could lead to where only this host may go."""
    index = archive.root / "dists" / archive.access.suite / "InRelease"
    index.unlink()
    index.mkdir()  # Python's server leads from a directory's name to it.
    found = asyncio.run(APT.simulate(session, snapshot, None))
    assert "301 Moved Permanently" in found.problems[0]


def test_too_few_signatures_are_said(
    machine: Machine, session: GuardedSession, archive: SmallArchive, people: tuple[Approver, ...]
) -> None:
    """The reason is the host's own, and names both numbers; nothing has changed."""
    with pytest.raises(HostError, match="1 approvers of this host signed it, and 2 are needed"):
        asyncio.run(APT.start(session, upgrade(archive, people[0])))
    with pytest.raises(HostError, match="signed orders only"):
        asyncio.run(APT.start(session, replace(upgrade(archive), order=None)))
    assert asyncio.run(APT.status(session, TransactionId("t1"))).state is TransactionState.ABSENT
    assert machine.as_root(VERSIONS) == OLD


def test_a_stolen_snapshot_offers_another_new_version(
    machine: Machine, session: GuardedSession, archive: SmallArchive, people: tuple[Approver, ...]
) -> None:
    """Signed by the snapshot's own key, under the approved name and version: not installed."""
    order = upgrade(archive, *people[:2])
    archive.add(replace(library_new, scripts={"postinst": "touch /stolen"}))
    status = asyncio.run(carry_out(session, order))
    assert status.state is TransactionState.REFUSED
    assert "not those that were approved" in status.reason
    assert machine.as_root(VERSIONS) == OLD
    assert not (machine.root / "stolen").exists()


def test_a_stolen_snapshot_offers_another_way_back(
    machine: Machine, session: GuardedSession, archive: SmallArchive, people: tuple[Approver, ...]
) -> None:
    """Another package under the name of the old version never becomes a restore point."""
    order = upgrade(archive, *people[:2])
    archive.add(replace(library, scripts={"postinst": "touch /stolen"}))
    status = asyncio.run(carry_out(session, order))
    assert status.state is TransactionState.REFUSED
    assert "old packages are not those of the order" in status.reason
    assert machine.as_root(VERSIONS) == OLD
    assert not (machine.root / "stolen").exists()


def test_a_failed_upgrade_goes_back_by_the_order(
    machine: Machine, session: GuardedSession, archive: SmallArchive, people: tuple[Approver, ...]
) -> None:
    """A package that cannot be configured: the host undoes it by itself, with what was signed."""
    archive.add(fragile, fragile_new)
    install_old(machine, archive, (fragile,))
    order = upgrade(archive, *people[:2], pairs=((fragile, fragile_new),))
    status = asyncio.run(carry_out(session, order))
    assert status.state is TransactionState.FAILED
    assert "every package is back at its old version" in status.reason
    assert "oak-fragile 1.0 ii" in machine.as_root(VERSIONS)
    with pytest.raises(HostError, match="carried out here already"):
        asyncio.run(APT.start(session, replace(order, id=TransactionId("t2"))))


def test_packages_are_not_made_of_what_is_installed(session: GuardedSession) -> None:
    """That reads every file as root, and is no verb."""
    with pytest.raises(RefusedError, match="makes no packages"):
        asyncio.run(APT.repack(session, ()))


def test_the_account_is_no_root(machine: Machine) -> None:
    """The session of these tests is what it says."""
    assert machine.as_user("id", "-un").stdout.decode() == f"{USER}\n"
    done = subprocess.run(
        ["chroot", machine.root, "sudo", "-l", "-U", USER],
        capture_output=True,
        check=True,
    )
    allowed = [line for line in done.stdout.decode().splitlines() if line.startswith("    (")]
    assert allowed == ["    (root) NOPASSWD: /usr/lib/oakum/verifier"]
