"""A freeze is written into oakum.toml while a rollout is under way, and taken out again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.fakes.fleet import FakeFleet, ProcessMemory, assignments, plan_for, store

from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.persistence.database import Turn, open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.bootstrap.application import Application
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.ports.stores import UnitOfWork
from oakum.services import drive_run, run_rollout
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import Reconciler, keeps_lease
from oakum.services.start_rollout import Wanted, start_rollout, want
from oakum.settings import read_settings

PATIENCE_SECONDS = 60
HOSTS = ("h0", "h1", "h2")
FREEZE = """
[[freezes]]
begins = 2026-01-01T00:00:00Z
ends = 2999-01-01T00:00:00Z
reason = "the auditors are here"
hosts = "{hosts}"
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path)
    yield opened
    opened.dispose()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            FREEZE.format(hosts="*"),
            "frozen (the auditors are here), ring 2 may begin at 2999-01-01",
        ),
        (FREEZE.format(hosts="h1,h2"), "frozen (the auditors are here), ring 2 may begin at"),
        ("[[freezes]]\nbegins =", "frozen (what is frozen cannot be read: "),
    ],
    ids=["all", "by name", "half-written"],
)
def test_it_holds_what_has_not_begun_until_it_is_lifted(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, said: str
) -> None:
    """Ring 1 was at work and ends; ring 2 waits, says for what, and goes on by itself."""
    monkeypatch.setattr(run_rollout, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(drive_run, "POLL_SECONDS", 0.02)
    file = tmp_path / "oakum.toml"

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(database, tmp_path)

    def drive() -> UnitOfWork:
        return SqlUnitOfWork(database, tmp_path, Turn.DRIVING)

    clock, plan = SystemClock(), plan_for(HOSTS)
    store(plan, begin)
    rollout = start_rollout(plan.id, "ann", begin, clock)
    jobs, seen = assignments(plan, begin), list[Rollout]()
    fleet = FakeFleet(ProcessMemory(), seconds=0.3)
    application = Application(read_settings({"OAKUM_HOME": str(tmp_path), "HOME": str(tmp_path)}))

    def make() -> Reconciler:
        may_act, writer = keeps_lease("me", clock), GroupCommit(drive)
        return Reconciler(
            rollout.id,
            "me",
            "me",
            {},
            begin,
            clock,
            EmbeddedEngine(),
            Driver("me", lambda _, host: jobs[host], may_act, writer, fleet, fleet.tools(clock)),
            seen.append,
            lambda _: None,
            application.declared.freezes_of([job.host for job in jobs.values()]),
        )

    async def in_three_acts() -> Rollout:
        running = asyncio.create_task(make().run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (seen and seen[-1].runs[0].state is RunState.UPGRADING):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            file.write_text(written)
            while not seen[-1].reason.startswith(said):  # noqa: ASYNC110 (it is in a database)
                await asyncio.sleep(0.01)
            states = [run.state for run in seen[-1].runs]
            assert states == [RunState.SUCCEEDED, RunState.PENDING, RunState.PENDING]
            file.write_text("")
            return await running

    ended = asyncio.run(in_three_acts())
    assert (ended.phase, ended.freezes) == (Phase.SUCCEEDED, ())
    with begin() as work:
        recorded = [e.details for e in work.audit.events() if "'freezes'" in str(e.details)]
        assert len(recorded) == 2  # declared, and lifted
        assert work.audit.verify()[1] is None
    file.write_text(written)
    want(Wanted(rollout.id, Wish.ROLL_BACK, "me"), begin, clock)
    assert asyncio.run(make().run()).phase is Phase.ROLLED_BACK  # a way back is never frozen
