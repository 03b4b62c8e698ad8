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
from oakum.ports.stores import UnitOfWork
from oakum.ports.transport import Session
from oakum.services import drive_run, run_rollout
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import Reconciler, keeps_lease
from oakum.services.start_rollout import Wanted, start_rollout, want

T = TypeVar("T")


@dataclass
class FaultyFleet(FakeFleet):
    """Of one host something is wrong that is neither the network's nor the host's."""

    faults: list[OakumError] = field(default_factory=list)

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Fail as often as there are faults."""
        if host.name == "h0" and self.faults:
            raise self.faults.pop()
        return super().connect(host)


def test_another_command_that_keeps_the_database_does_not_end_the_rollout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewing advisories writes for long; who drives and who decides wait for it."""
    monkeypatch.setattr(drive_run, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(drive_run, "AWAY_SECONDS", 0.05)
    monkeypatch.setattr(group_commit, "GATHERING_SECONDS", 0.001)
    monkeypatch.setattr(run_rollout, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(run_rollout, "AWAY_SECONDS", 0.05)
    url, clock = f"sqlite:///{tmp_path / 'oakum.sqlite'}", SystemClock()
    engine = open_database(url, tmp_path, busy_seconds=0.05)
    fleet, said = FakeFleet(ProcessMemory(), seconds=0.2), list[str]()

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(engine, tmp_path)

    plan = plan_for(["h0", "h1"])
    store(plan, begin)
    rollout = start_rollout(plan.id, "ann", begin, clock)
    jobs = assignments(plan, begin)
    driver = Driver(
        "me", lambda _, host: jobs[host], keeps_lease("me", clock), GroupCommit(begin), fleet,
        fleet.tools(clock),
    )  # fmt: skip
    reconciler = Reconciler(
        rollout.id, "me", "me", {}, begin, clock, EmbeddedEngine(), driver, lambda _: None,
        said.append,
    )  # fmt: skip

    async def beside_another_command() -> Rollout:
        driven = asyncio.create_task(reconciler.run())
        await asyncio.sleep(0.1)
        with closing(sqlite3.connect(tmp_path / "oakum.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(0.5)
        return await driven

    ended = asyncio.run(asyncio.wait_for(beside_another_command(), 60))
    assert ended.phase is Phase.SUCCEEDED
    assert any("is in use by another command" in line for line in said)
    engine.dispose()


@dataclass
class _Away:
    """A database that is away for an hour, and the clock meanwhile, when a host does not answer."""

    writer: GroupCommit
    ahead: timedelta = timedelta()
    is_away: bool = False

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead

    async def do(self, act: Callable[[UnitOfWork], T]) -> T:
        if self.is_away:
            self.is_away, self.ahead = False, self.ahead + timedelta(hours=1)
            raise StorageAwayError("the database cannot be used")
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


def test_a_host_is_not_silent_while_nobody_could_store_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked twice in the hour for which the database was away, and answers then."""
    monkeypatch.setattr(drive_run, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(drive_run, "RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr(drive_run, "AWAY_SECONDS", 0.01)
    monkeypatch.setattr(group_commit, "GATHERING_SECONDS", 0.001)
    monkeypatch.setattr(run_rollout, "TICK_SECONDS", 0.02)
    engine = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path)

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(engine, tmp_path)

    away = _Away(GroupCommit(begin))
    fleet = SilentFleet(ProcessMemory(), faults=[UnreachableError("no route")] * 2, away=away)
    plan = plan_for(["h0", "h1"])
    store(plan, begin)
    rollout = start_rollout(plan.id, "ann", begin, away)
    jobs = assignments(plan, begin)
    driver = Driver(
        "me", lambda _, host: jobs[host], keeps_lease("me", away), away, fleet, fleet.tools(away)
    )
    reconciler = Reconciler(
        rollout.id, "me", "me", {}, begin, away, EmbeddedEngine(), driver, lambda _: None,
        lambda _: None,
    )  # fmt: skip
    ended = asyncio.run(asyncio.wait_for(reconciler.run(), 60))
    assert (ended.phase, away.ahead) == (Phase.SUCCEEDED, timedelta(hours=1))
    engine.dispose()


@pytest.mark.parametrize("kind", [InputError, RefusedError, ConflictError, ControllerError])
def test_a_fault_of_one_host_does_not_end_the_rollout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[OakumError]
) -> None:
    """Its key file is away, or the host answers what nobody expects: it is asked again."""
    monkeypatch.setattr(drive_run, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(drive_run, "RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr(group_commit, "GATHERING_SECONDS", 0.001)
    monkeypatch.setattr(run_rollout, "TICK_SECONDS", 0.02)
    engine, clock = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path), SystemClock()
    fleet = FaultyFleet(ProcessMemory(), faults=[kind("the key file of h0 cannot be used")] * 3)

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(engine, tmp_path)

    plan = plan_for(["h0", "h1"])
    store(plan, begin)
    rollout = start_rollout(plan.id, "ann", begin, clock)
    jobs = assignments(plan, begin)
    driver = Driver(
        "me", lambda _, host: jobs[host], keeps_lease("me", clock), GroupCommit(begin), fleet,
        fleet.tools(clock),
    )  # fmt: skip
    reconciler = Reconciler(
        rollout.id, "me", "me", {}, begin, clock, EmbeddedEngine(), driver, lambda _: None,
        lambda _: None,
    )  # fmt: skip
    ended = asyncio.run(asyncio.wait_for(reconciler.run(), 60))
    assert (ended.phase, fleet.faults) == (Phase.SUCCEEDED, [])
    engine.dispose()


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host was changed and is well: it goes on where it stood, and so does who resumes."""
    monkeypatch.setattr(drive_run, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(drive_run, "RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr(group_commit, "GATHERING_SECONDS", 0.001)
    monkeypatch.setattr(run_rollout, "TICK_SECONDS", 0.02)
    engine, key = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path), _KeyAway()
    fleet = FakeFleet(ProcessMemory(), rebooting=frozenset({"h0"}), fault=key.fault)

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(engine, tmp_path)

    plan = plan_for(["h0", "h1"])
    store(plan, begin)
    rollout = start_rollout(plan.id, "ann", begin, key)
    jobs = assignments(plan, begin)
    driver = Driver(
        "me", lambda _, host: jobs[host], keeps_lease("me", key), GroupCommit(begin), fleet,
        fleet.tools(key),
    )  # fmt: skip

    def reconcile() -> Rollout:
        reconciler = Reconciler(
            rollout.id, "me", "me", {}, begin, key, EmbeddedEngine(), driver, key.put_back,
            lambda _: None,
        )  # fmt: skip
        return asyncio.run(asyncio.wait_for(reconciler.run(), 60))

    paused = reconcile()
    assert paused.phase is Phase.PAUSED
    assert "(h0): the identity file of h0 cannot be used" in paused.reason
    assert paused.runs[0].state is RunState.SUCCEEDED
    assert HardSignal.UNREACHABLE not in paused.runs[0].signals
    want(Wanted(rollout.id, Wish.RESUME, "ann"), begin, key)
    assert reconcile().phase is Phase.SUCCEEDED
    engine.dispose()
