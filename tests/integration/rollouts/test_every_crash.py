"""The controller is killed at every write, every commit and every deed of a host, one by one.

Not a sample: the places are counted as they come, and the n-th is where the n-th controller gets
SIGKILL, until a controller ends without having come to its place. After each kill another
controller takes the rollout up, as `oakum rollout watch` does.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from tests.fakes.fleet import (
    DiskMemory,
    FakeFleet,
    Fault,
    assignments,
    measured,
    plan_for,
    store,
)
from tests.integration.rollouts.machines import spawn

from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.persistence import database, group_commit
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.audit.event import Action
from oakum.core.ids import RolloutId
from oakum.core.planning.plan import Plan
from oakum.core.rollout.measuring import counts
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services import drive_run, run_rollout
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import LEASE, Reconciler, keeps_lease
from oakum.services.start_rollout import start_rollout

HOSTS = ("h0", "h1", "h2", "h3")
BEGUN = datetime(2026, 11, 25, 12, tzinfo=UTC)
PLAN = plan_for(HOSTS)
# Not required: a controller that is away for a whole soak has no numbers, and would rightly pause.
MEASURED = measured(plan_for(("h0", "h1", "h3"), first_ring=1), is_required=False)
WRITES = ("INSERT", "UPDATE", "DELETE")


class Later:
    """A clock that a second controller reads when the first one's lease has run out."""

    def __init__(self, controller: int, step: timedelta) -> None:
        self._moment = BEGUN + controller * 2 * LEASE
        self._step = step

    def now(self) -> datetime:
        self._moment += self._step
        return self._moment


class Places:
    """Counts the places where a controller can be killed, and kills it at one of them."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.passed = 0

    def __call__(self, place: str) -> None:
        del place
        self.passed += 1
        if self.passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def _killed_in(engine: Engine, fault: Fault) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def before_write(*given: object) -> None:
        if str(given[2]).startswith(WRITES):
            fault("before a write")

    @event.listens_for(engine, "commit")
    def before_commit(_: object) -> None:
        fault("before a commit")


class _CommitSeen(SqlUnitOfWork):
    """Also dies when the commit is done and nobody knows it yet."""

    fault: Fault

    def commit(self) -> None:
        super().commit()
        self.fault("after a commit")


def _control(
    home: Path, plan: Plan, rollout: RolloutId, bad: frozenset[str], number: int, *, at: int
) -> None:
    """Be a controller, from its start to the end of the rollout or of its life."""
    places = Places(at)
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    _killed_in(engine, places)

    def begin() -> SqlUnitOfWork:
        work = _CommitSeen(engine, home)
        work.fault = places
        return work

    fleet = FakeFleet(DiskMemory(home / "hosts"), bad, frozenset({"h2"}), fault=places)
    fleet.numbers = lambda host, _: 1.0 + int(host[1:])
    # Where rings soak, time must pass.
    step = timedelta(milliseconds=1 if plan.measurement is None else 50)
    clock, holder = Later(number, step), f"controller {number}"
    jobs = assignments(plan, begin)
    driver = Driver(
        "me", lambda _, host: jobs[host], keeps_lease(holder, clock), GroupCommit(begin), fleet,
        fleet.tools(clock),
    )  # fmt: skip
    reconciler = Reconciler(
        rollout, holder, "me", {}, begin, clock, EmbeddedEngine(), driver,
        lambda _: None, lambda _: None,
    )  # fmt: skip
    drive_run.POLL_SECONDS = drive_run.RECONNECT_SECONDS = group_commit.GATHERING_SECONDS = 0.001
    run_rollout.TICK_SECONDS = 0.05
    asyncio.run(reconciler.run())
    engine.dispose()


def _fresh(home: Path, plan: Plan) -> RolloutId:
    """Make a home with a rollout that was started, and that nobody has driven yet."""
    home.mkdir()
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    begin = _begin(engine, home)
    store(plan, begin)
    rollout = start_rollout(plan.id, "me", begin, Later(0, timedelta(milliseconds=1)))
    engine.dispose()
    return rollout.id


def _begin(engine: Engine, home: Path) -> UnitOfWorkFactory:
    return lambda: SqlUnitOfWork(engine, home)


GOOD = (Phase.SUCCEEDED, dict.fromkeys(HOSTS, RunState.SUCCEEDED))
BACK = (
    Phase.ROLLED_BACK,
    {
        "h0": RunState.ROLLED_BACK,
        "h1": RunState.ROLLED_BACK,
        "h2": RunState.ROLLED_BACK,
        "h3": RunState.SKIPPED,
    },
)


ALL_MEASURED = (Phase.SUCCEEDED, dict.fromkeys(MEASURED.hosts, RunState.SUCCEEDED))


@pytest.mark.parametrize(
    ("plan", "bad", "ends"),
    [(PLAN, (), GOOD), (PLAN, ("h1",), BACK), (MEASURED, (), ALL_MEASURED)],
    ids=["good", "bad", "measured"],
)
def test_a_controller_killed_anywhere_loses_no_host(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plan: Plan,
    bad: tuple[str, ...],
    ends: tuple[Phase, dict[str, RunState]],
) -> None:
    """Every host is changed once and ends where it would have; each step is recorded once."""
    home = tmp_path / "fresh"
    rollout = _fresh(home, plan)
    # The layout is the present one; to find that out takes longer than all the rest.
    monkeypatch.setattr(database, "_bring_up_to_date", lambda *_: None)
    place = 1
    while True:
        here = tmp_path / str(place)
        shutil.copytree(home, here)
        first = spawn(partial(_control, here, plan, rollout, frozenset(bad), 1, at=place)).wait()
        if os.WIFEXITED(first):
            assert os.WEXITSTATUS(first) == 0
            _require_end(here, rollout, ends)
            break
        assert os.WTERMSIG(first) == signal.SIGKILL
        second = spawn(partial(_control, here, plan, rollout, frozenset(bad), 2, at=0)).wait()
        assert second == 0, f"killed at place {place}"
        _require_end(here, rollout, ends)
        shutil.rmtree(here)
        place += 1
    sys.stderr.write(f"killed at {place - 1} places\n")
    assert place > 100


def _require_end(home: Path, rollout: RolloutId, ends: tuple[Phase, dict[str, RunState]]) -> None:
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    with _begin(engine, home)() as work:
        ended = work.rollouts.get(rollout)
        events = work.audit.events()
        assert work.audit.verify() == (len(events), None)
    engine.dispose()
    phase, states = ends
    assert (ended.phase, {run.host: run.state for run in ended.runs}) == (phase, states)
    hosts = DiskMemory(home / "hosts")
    for run in ended.runs:
        assert hosts.deeds(run.host) == _deeds(ended, run.host)
    told = sum(pairs.pairs for pairs in counts(ended.measuring))
    assert told <= ended.measuring.round
    steps = Counter(str(e.details) for e in events if e.action is Action.HOST_RUN_CHANGED)
    # After a soak a host is verified, and found well, once more.
    looks = 2 if any(ring.soak_seconds for ring in ended.rings) else 1
    assert all(count <= (looks if "'to': 'succeeded'" in s else 1) for s, count in steps.items())


def _deeds(rollout: Rollout, host: str) -> list[str]:
    run = next(run for run in rollout.runs if run.host == host)
    if run.state is RunState.SKIPPED:
        return []
    booted = [f"reboot {run.transaction}"] if host == "h2" else []
    undone = [f"undo {run.rollback_transaction}"] if run.state is RunState.ROLLED_BACK else []
    return [f"upgrade {run.transaction}", *booted, *undone]
