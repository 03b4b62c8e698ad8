"""What a host is asked, and over which connection it is confirmed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.fakes.fleet import MANIFEST, FakeFleet, ProcessMemory
from tests.plans import NOW, PLAN, WEB

from oakum.adapters.system_clock import SystemClock
from oakum.core.errors import ControllerError, HostError, UnreachableError
from oakum.core.ids import HostId, HostRunId, TransactionId
from oakum.core.inventory.host import Host
from oakum.core.planning.plan import Plan
from oakum.core.rollout.host_run import Work
from oakum.core.rollout.observation import (
    NotAsked,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
    WentBack,
)
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.transport import Session
from oakum.services.drive_host import Assignment, do, not_asked

HOST = Host(HostId("web-1"), "web-1", "web-1", 22, "root", "ssh-ed25519 AAAA", NOW)
RUN = HostRun(
    HostRunId("r"), HOST.id, 0, RunState.UPGRADING, "", TransactionId("t"), TransactionId("t.undo")
)


def job(plan: Plan = PLAN) -> Assignment:
    access = SnapshotAccess(plan.snapshot, "http://nowhere.invalid", "bookworm", "key")
    return Assignment(HOST, plan, plan.id, WEB.changes, MANIFEST, access, ())


@dataclass
class Door(FakeFleet):
    """A fleet that counts who comes in, and may let nobody in any more."""

    opened: list[datetime] = field(default_factory=list)
    is_shut: bool = False

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        if self.is_shut:
            raise UnreachableError("connection refused")
        self.opened.append(NOW)
        async with super()._connect(host) as session:
            yield session


def drive(fleet: Door, *works: Work, plan: Plan = PLAN) -> list[Observation]:
    """Do all over one connection, which is open from the beginning."""

    async def act() -> list[Observation]:
        tools = fleet.tools(SystemClock())
        async with FakeFleet._connect(fleet, HOST) as session:
            return [await do(work, RUN, job(plan), session, tools) for work in works]

    return asyncio.run(act())


def test_an_upgrade_is_confirmed_over_a_new_connection() -> None:
    """The one over which it was found well was open before; a roll-back is not confirmed."""
    fleet = Door(ProcessMemory())
    *_, seen = drive(fleet, Work.DRIVE_UPGRADE, Work.VERIFY)
    assert isinstance(seen, Verified)
    assert seen.is_good
    assert len(fleet.opened) == 1
    assert fleet.memory.deeds("web-1") == ["upgrade t", "confirm t"]
    drive(fleet, Work.DRIVE_ROLLBACK, Work.VERIFY_ROLLBACK)
    assert len(fleet.opened) == 1


def test_a_host_that_lets_nobody_in_is_not_confirmed() -> None:
    """Though it is well for whoever is inside."""
    fleet = Door(ProcessMemory())
    drive(fleet, Work.DRIVE_UPGRADE)
    fleet.is_shut = True
    try:
        drive(fleet, Work.VERIFY)
    except UnreachableError:
        pass
    else:
        raise AssertionError
    assert fleet.memory.deeds("web-1") == ["upgrade t"]


def test_without_a_deadman_nothing_is_confirmed() -> None:
    """The plan has none: no connection more."""
    fleet = Door(ProcessMemory())
    drive(fleet, Work.DRIVE_UPGRADE, Work.VERIFY, plan=replace(PLAN, deadman_seconds=0))
    assert fleet.memory.deeds("web-1") == ["upgrade t"]
    assert fleet.opened == []


def test_a_host_that_went_back_is_seen_in_every_state() -> None:
    """Whatever a controller that comes back late was about to do."""
    fleet = Door(ProcessMemory(), impatient=frozenset({"web-1"}))
    drive(fleet, Work.DRIVE_UPGRADE)
    for work in (Work.DRIVE_UPGRADE, Work.DRIVE_REBOOT, Work.VERIFY):
        (seen,) = drive(fleet, work)
        assert isinstance(seen, WentBack), work
        assert "within 30 minutes" in seen.reason
    back, verified = drive(fleet, Work.DRIVE_ROLLBACK, Work.VERIFY_ROLLBACK)
    assert isinstance(back, TransactionSeen)
    assert isinstance(verified, Verified)
    assert verified.detail.startswith("put back by the host itself: nobody confirmed")
    assert fleet.memory.deeds("web-1") == ["upgrade t", "undo t.undo"]


def test_a_host_that_could_not_be_asked_says_what_to_do() -> None:
    """The next step reaches whoever reads the run, as the reason itself does."""
    full = HostError("cannot take it: No space left on device", hint="make room there")
    reason = "cannot take it: No space left on device; make room there"
    assert not_asked(full, job(), NOW) == Unreachable(reason, 1800, NOW)
    assert not_asked(UnreachableError("no route"), job(), NOW).reason == "no route"


def test_what_the_controller_could_not_do_is_not_the_hosts_silence() -> None:
    """Nothing is known of the host then."""
    away = ControllerError("the key is away", hint="put it back")
    assert not_asked(away, job(), NOW) == NotAsked("the key is away; put it back")
