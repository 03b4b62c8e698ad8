"""Hosts that went back by themselves while no controller was there to confirm them."""

import asyncio
from pathlib import Path

import pytest
from tests.fakes.fleet import FakeFleet, ProcessMemory, assignments, plan_for, store

from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.persistence import group_commit
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.audit.event import Action
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.ports.stores import UnitOfWork
from oakum.services import drive_run, run_rollout
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import Reconciler, keeps_lease
from oakum.services.start_rollout import Wanted, start_rollout, want


def test_a_late_controller_follows_a_host_that_went_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is recorded with who did it; a person decides about the rest; nothing runs twice."""
    monkeypatch.setattr(drive_run, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(group_commit, "GATHERING_SECONDS", 0.001)
    monkeypatch.setattr(run_rollout, "TICK_SECONDS", 0.02)
    engine, clock = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path), SystemClock()
    fleet = FakeFleet(ProcessMemory(), impatient=frozenset({"h0"}))

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(engine, tmp_path)

    plan = plan_for(["h0", "h1", "h2"])
    store(plan, begin)
    rollout = start_rollout(plan.id, "ann", begin, clock)
    jobs = assignments(plan, begin)

    def control() -> Rollout:
        driver = Driver(
            "me", lambda _, host: jobs[host], keeps_lease("me", clock), GroupCommit(begin), fleet,
            fleet.tools(clock),
        )  # fmt: skip
        reconciler = Reconciler(
            rollout.id, "me", "me", {}, begin, clock, EmbeddedEngine(), driver,
            lambda _: None, lambda _: None,
        )  # fmt: skip
        return asyncio.run(asyncio.wait_for(reconciler.run(), 60))

    paused = control()
    first = paused.runs[0]
    assert paused.phase is Phase.PAUSED
    assert "no evidence: h0: " in paused.reason
    assert first.state is RunState.ROLLED_BACK
    assert first.reason.startswith("put back by the host itself: nobody confirmed")
    assert fleet.memory.deeds("h0") == [
        f"upgrade {first.transaction}",
        f"undo {first.rollback_transaction}",
    ]
    with begin() as work:
        told = [
            event.details
            for event in work.audit.events()
            if event.action is Action.HOST_RUN_CHANGED and event.subject == "h0"
        ]
    assert any("goes back by itself" in str(step) for step in told)

    want(Wanted(rollout.id, Wish.RESUME, "ann"), begin, clock)
    ended = control()
    assert ended.phase is Phase.SUCCEEDED
    states = [run.state for run in ended.runs]
    assert states == [RunState.ROLLED_BACK, RunState.SUCCEEDED, RunState.SUCCEEDED]
    engine.dispose()
