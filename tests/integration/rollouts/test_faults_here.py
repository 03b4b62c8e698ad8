"""Faults that are the controller's, or that a host answers with: they are one host's."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from tests.fakes.fleet import FakeFleet, ProcessMemory, assignments, plan_for, store

from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.persistence import group_commit
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.errors import (
    ConflictError,
    ControllerError,
    InputError,
    OakumError,
    RefusedError,
    StorageAwayError,
    UnreachableError,
)
from oakum.core.inventory.host import Host
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import HardSignal, Phase, RunState, Wish
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWork, Writer
from oakum.ports.transport import Session
from oakum.services import drive_run, run_rollout
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import OnChange, Reconciler, Say, keeps_lease
from oakum.services.start_rollout import Wanted, start_rollout, want

T = TypeVar("T")

QUICKLY = (
    (drive_run, "POLL_SECONDS", 0.001),
    (drive_run, "RECONNECT_SECONDS", 0.01),
    (drive_run, "AWAY_SECONDS", 0.01),
    (group_commit, "GATHERING_SECONDS", 0.001),
    (run_rollout, "TICK_SECONDS", 0.02),
    (run_rollout, "AWAY_SECONDS", 0.05),
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long."""
    for module, name, seconds in QUICKLY:
        monkeypatch.setattr(module, name, seconds)


class Controller:
    """One controller, with its database and a rollout of two hosts."""

    def __init__(self, home: Path, clock: Clock, *, busy_seconds: float = 30) -> None:
        url = f"sqlite:///{home / 'oakum.sqlite'}"
        self._home, self._clock = home, clock
        self._engine = open_database(url, home, busy_seconds=busy_seconds)
        plan = plan_for(["h0", "h1"])
        store(plan, self.begin)
        self.rollout = start_rollout(plan.id, "ann", self.begin, clock).id
        self._jobs = assignments(plan, self.begin)

    def begin(self) -> UnitOfWork:
        """Begin a unit of work."""
        return SqlUnitOfWork(self._engine, self._home)

    async def drive(
        self,
        fleet: FakeFleet,
        *,
        writer: Writer | None = None,
        on_change: OnChange = lambda _: None,
        say: Say = lambda _: None,
        ahead: Callable[[], float] = float,
    ) -> Rollout:
        """Carry the rollout out until it ends or pauses."""
        driver = Driver(
            "me", lambda _, host: self._jobs[host], keeps_lease("me", self._clock),
            writer or GroupCommit(self.begin), fleet, fleet.tools(self._clock), ahead,
        )  # fmt: skip
        reconciler = Reconciler(
            self.rollout, "me", "me", {}, self.begin, self._clock, EmbeddedEngine(), driver,
            on_change, say,
        )  # fmt: skip
        async with asyncio.timeout(60):
            return await reconciler.run()


@dataclass
class FaultyFleet(FakeFleet):
    """Of one host something is wrong that is neither the network's nor the host's."""

    faults: list[OakumError] = field(default_factory=list)

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Fail as often as there are faults."""
        if host.name == "h0" and self.faults:
            raise self.faults.pop()
        return super().connect(host)


def test_another_command_that_keeps_the_database_does_not_end_the_rollout(tmp_path: Path) -> None:
    """Renewing advisories writes for long; who drives and who decides wait for it."""
    controller = Controller(tmp_path, SystemClock(), busy_seconds=0.05)
    fleet, said = FakeFleet(ProcessMemory(), seconds=0.2), list[str]()

    async def beside_another_command() -> Rollout:
        driven = asyncio.create_task(controller.drive(fleet, say=said.append))
        await asyncio.sleep(0.1)
        with closing(sqlite3.connect(tmp_path / "oakum.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(0.5)
        return await driven

    assert asyncio.run(beside_another_command()).phase is Phase.SUCCEEDED
    assert any("is in use by another command" in line for line in said)


@dataclass
class _Away:
    """A database that is away for an hour, and the clock meanwhile, when a host does not answer."""

    ahead: timedelta = timedelta()
    is_away: bool = False
    writer: GroupCommit | None = None

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead

    async def do(self, act: Callable[[UnitOfWork], T]) -> T:
        if self.is_away:
            self.is_away, self.ahead = False, self.ahead + timedelta(hours=1)
            raise StorageAwayError("the database cannot be used")
        assert self.writer is not None
        return await self.writer.do(act)


@dataclass
class SilentFleet(FaultyFleet):
    """The database goes away with the second silence of a host."""

    away: _Away | None = None

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Go away before the last fault."""
        if self.away is not None and host.name == "h0" and len(self.faults) == 1:
            self.away.is_away = True
        return super().connect(host)


def test_a_host_is_not_silent_while_nobody_could_store_its_answer(tmp_path: Path) -> None:
    """It was asked twice in the hour for which the database was away, and answers then."""
    away = _Away()
    controller = Controller(tmp_path, away)
    away.writer = GroupCommit(controller.begin)
    fleet = SilentFleet(ProcessMemory(), faults=[UnreachableError("no route")] * 2, away=away)
    ended = asyncio.run(controller.drive(fleet, writer=away))
    assert (ended.phase, away.ahead) == (Phase.SUCCEEDED, timedelta(hours=1))


@dataclass
class _Suspended(FaultyFleet):
    """This machine is suspended for an hour before the last time that a host does not answer."""

    asleep: timedelta = timedelta()

    def now(self) -> datetime:
        """Return the time, as the machine that wakes up finds it."""
        return SystemClock().now() + self.asleep

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Sleep, and find the network not there yet."""
        if host.name == "h0" and len(self.faults) == 1:
            self.asleep += timedelta(hours=1)
        return super().connect(host)


def test_a_host_is_not_silent_while_the_controller_was_suspended(tmp_path: Path) -> None:
    """It was asked twice in an hour of which nobody lived through more than a second."""
    fleet = _Suspended(ProcessMemory(), faults=[UnreachableError("no network")] * 2)
    controller = Controller(tmp_path, fleet)
    ended = asyncio.run(controller.drive(fleet, ahead=lambda: fleet.asleep / timedelta(seconds=1)))
    assert (ended.phase, fleet.asleep) == (Phase.SUCCEEDED, timedelta(hours=1))


@pytest.mark.parametrize("kind", [InputError, RefusedError, ConflictError, ControllerError])
def test_a_fault_of_one_host_does_not_end_the_rollout(
    tmp_path: Path, kind: type[OakumError]
) -> None:
    """Its key file is away, or the host answers what nobody expects: it is asked again."""
    fleet = FaultyFleet(ProcessMemory(), faults=[kind("the key file of h0 cannot be used")] * 3)
    ended = asyncio.run(Controller(tmp_path, SystemClock()).drive(fleet))
    assert (ended.phase, fleet.faults) == (Phase.SUCCEEDED, [])


@dataclass
class _KeyAway:
    """The key is away from the reboot on: ten minutes pass with every try, until it is back."""

    ahead: timedelta = timedelta()
    is_back: bool = False

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead

    def fault(self, moment: str) -> None:
        if moment == "before h0 reboots" and not self.is_back:
            self.ahead += timedelta(minutes=10)
            raise ControllerError("the identity file of h0 cannot be used")

    def put_back(self, rollout: Rollout) -> None:
        self.is_back = self.is_back or rollout.phase is Phase.PAUSED


def test_a_fault_of_the_controller_pauses_the_rollout_and_rolls_nothing_back(
    tmp_path: Path,
) -> None:
    """Its host was changed and is well: it goes on where it stood, and so does who resumes."""
    key = _KeyAway()
    controller = Controller(tmp_path, key)
    fleet = FakeFleet(ProcessMemory(), rebooting=frozenset({"h0"}), fault=key.fault)
    paused = asyncio.run(controller.drive(fleet, on_change=key.put_back))
    assert paused.phase is Phase.PAUSED
    assert "(h0): the identity file of h0 cannot be used" in paused.reason
    assert paused.runs[0].state is RunState.SUCCEEDED
    assert HardSignal.UNREACHABLE not in paused.runs[0].signals
    want(Wanted(controller.rollout, Wish.RESUME, "ann"), controller.begin, key)
    assert asyncio.run(controller.drive(fleet)).phase is Phase.SUCCEEDED
