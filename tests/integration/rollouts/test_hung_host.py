"""A host that neither answers nor fails must not hold its rollout up for ever."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.fakes.fleet import FakeFleet, ProcessMemory, assignments, plan_for, store

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.ids import TransactionId
from oakum.core.rollout.decide import settle
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.transaction import TransactionStatus
from oakum.ports.deliveries import Job
from oakum.ports.stores import UnitOfWork
from oakum.ports.transport import Session
from oakum.services import drive_host, drive_run
from oakum.services.drive_run import Driver
from oakum.services.start_rollout import start_rollout

PATIENCE_SECONDS = 60


class _Hanging(FakeFleet):
    """Its hosts take a question about a transaction, and say nothing."""

    async def status(self, session: Session, transaction: TransactionId) -> TransactionStatus:
        await asyncio.Event().wait()
        return await super().status(session, transaction)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path)
    yield opened
    opened.dispose()


def test_a_hung_step_is_seen_and_said(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its deadline the host counts as unreachable, and the reason is there to read."""
    monkeypatch.setattr(drive_host, "STEP_DEADLINE", timedelta(seconds=0.05))
    monkeypatch.setattr(drive_run, "RECONNECT_SECONDS", 0.01)
    clock, fleet = SystemClock(), _Hanging(ProcessMemory())

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(database, tmp_path)

    plan = plan_for(["h0", "h1"])
    store(plan, begin)
    rollout = start_rollout(plan.id, "ann", begin, clock)
    with begin() as work:
        work.rollouts.save(settle(rollout, clock.now()))
        work.commit()
    jobs, run = assignments(plan, begin), rollout.runs[0]
    driver = Driver(
        "me", lambda _, host: jobs[host], lambda _, __: True, GroupCommit(begin), fleet,
        fleet.tools(clock),
    )  # fmt: skip

    def stored() -> HostRun | None:
        with begin() as work:
            return work.rollouts.run(run.id)

    async def until_said() -> None:
        driving = asyncio.create_task(driver.perform(Job(rollout.id, run.id, 1)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "no end after" not in (stored() or run).reason:  # noqa: ASYNC110 (it is in a database)
                await asyncio.sleep(0.01)
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)

    asyncio.run(until_said())
    found = stored()
    assert found is not None
    assert found.reason == "unreachable: drive the upgrade: no end after 0 minutes"
