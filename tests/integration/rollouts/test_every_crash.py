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
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from tests import plans
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
from oakum.core.ids import HostId, RolloutId
from oakum.core.planning.hook import HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.plan import Plan
from oakum.core.rollout.hooks import HookState
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


@dataclass(frozen=True)
class Stage:
    """What is carried out, on which hosts, and by controllers of which machines."""

    plan: Plan
    bad: frozenset[str] = frozenset()
    is_elsewhere: bool = False
    """Each controller has a machine of its own: it has not the records of another's hooks."""


def _control(home: Path, rollout: RolloutId, stage: Stage, number: int, at: int) -> None:
    """Be a controller, from its start to the end of the rollout or of its life."""
    places = Places(at)
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    _killed_in(engine, places)

    def begin() -> SqlUnitOfWork:
        work = _CommitSeen(engine, home)
        work.fault = places
        return work

    fleet = FakeFleet(DiskMemory(home / "hosts"), stage.bad, frozenset({"h2"}), fault=places)
    fleet.numbers = lambda host, _: 1.0 + int(host[1:])
    if stage.is_elsewhere:
        fleet.record = f"machine {number}"
    # Where rings soak, time must pass.
    step = timedelta(milliseconds=1 if stage.plan.measurement is None else 50)
    clock, holder = Later(number, step), f"controller {number}"
    jobs = assignments(stage.plan, begin)
    driver = Driver(
        "me", lambda _, host: jobs[host], keeps_lease(holder, clock), GroupCommit(begin), fleet,
        fleet.tools(clock),
    )  # fmt: skip
    reconciler = Reconciler(
        rollout, holder, "me", {}, begin, clock, EmbeddedEngine(), driver,
        lambda _: None, lambda _: None,
    )  # fmt: skip
    drive_run.POLL_SECONDS = drive_run.RECONNECT_SECONDS = group_commit.GATHERING_SECONDS = 0.001
    run_rollout.TICK_SECONDS = 0.01
    asyncio.run(reconciler.run())
    engine.dispose()


MakeFresh = Callable[[Plan], tuple[Path, RolloutId]]


@pytest.fixture
def make_fresh(tmp_path_factory: pytest.TempPathFactory) -> MakeFresh:
    """Return what makes a home with a rollout that was started, and that nobody has driven yet."""

    def make(plan: Plan) -> tuple[Path, RolloutId]:
        home = tmp_path_factory.mktemp("fresh")
        engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
        begin = _begin(engine, home)
        store(plan, begin)
        rollout = start_rollout(plan.id, "me", begin, Later(0, timedelta(milliseconds=1)))
        engine.dispose()
        return home, rollout.id

    return make


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
    ("stage", "ends"),
    [
        (Stage(PLAN), GOOD),
        (Stage(PLAN, frozenset({"h1"})), BACK),
        (Stage(MEASURED), ALL_MEASURED),
    ],
    ids=["good", "bad", "measured"],
)
def test_a_controller_killed_anywhere_loses_no_host(
    make_fresh: MakeFresh,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: Stage,
    ends: tuple[Phase, dict[str, RunState]],
) -> None:
    """Every host is changed once and ends where it would have; each step is recorded once."""

    def require(home: Path, rollout: RolloutId) -> None:
        _require_end(home, rollout, ends)

    places = _kill_everywhere(make_fresh, tmp_path, monkeypatch, stage, require)
    assert places > 100


def _kill_everywhere(
    make_fresh: MakeFresh,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: Stage,
    require: Callable[[Path, RolloutId], None],
) -> int:
    """Kill a controller at each place, let another follow, and look; return how many there are."""
    home, rollout = make_fresh(stage.plan)
    # The layout is the present one; to find that out takes longer than all the rest.
    monkeypatch.setattr(database, "_bring_up_to_date", lambda *_: None)
    place = 1
    while True:
        here = tmp_path / str(place)
        shutil.copytree(home, here)
        first = spawn(partial(_control, here, rollout, stage, 1, place)).wait()
        if os.WIFEXITED(first):
            assert os.WEXITSTATUS(first) == 0
            require(here, rollout)
            break
        assert os.WTERMSIG(first) == signal.SIGKILL
        second = spawn(partial(_control, here, rollout, stage, 2, 0)).wait()
        assert second == 0, f"killed at place {place}"
        require(here, rollout)
        shutil.rmtree(here)
        place += 1
    sys.stderr.write(f"killed at {place - 1} places\n")
    return place - 1


DRAIN = replace(plans.DRAIN, name="drain", hosts=(HostId("h0"), HostId("h1")))
HOOKED = replace(
    plan_for(("h0", "h1")),
    hooks=(
        DRAIN,
        replace(
            DRAIN,
            name="quiesce",
            kind=HookKind.QUIESCE,
            place=HookPlace.HOST,
            undo_when=UndoWhen.ALWAYS,
        ),
        replace(DRAIN, name="smoke", place=HookPlace.HOST, moment=HookMoment.AFTER, undo=()),
    ),
)


@pytest.mark.parametrize("bad", [(), ("h1",)])
def test_no_hook_is_run_twice_wherever_a_controller_is_killed(
    make_fresh: MakeFresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: tuple[str, ...]
) -> None:
    """The next one on the same machine finds out what happened: it ends as if nobody had died."""
    phase = Phase.ROLLED_BACK if bad else Phase.SUCCEEDED

    def require(home: Path, rollout: RolloutId) -> None:
        assert _ended(home, rollout).phase is phase
        for host in HOOKED.hosts:
            deeds = [deed.split()[0] for deed in DiskMemory(home / "hosts").deeds(host)]
            # A host that failed is put back into service only when it was rolled back.
            good = ["2.undo", "confirm", "3", "1.undo"]
            after = ["2.undo", "undo", "1.undo"] if host in bad else good
            undone = ["undo"] if bad and host not in bad else []
            assert deeds == ["1", "2", "upgrade", *after, *undone]

    stage = Stage(HOOKED, frozenset(bad))
    assert _kill_everywhere(make_fresh, tmp_path, monkeypatch, stage, require) > 100


def test_a_hook_whose_controller_is_gone_with_its_machine_is_not_run_again(
    make_fresh: MakeFresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can know how it ended: the host is refused, and the rollout stops at its gate."""
    phases = set[Phase]()

    def require(home: Path, rollout: RolloutId) -> None:
        ended = _ended(home, rollout)
        phases.add(ended.phase)
        for run in ended.runs:
            deeds = [deed.split()[0] for deed in DiskMemory(home / "hosts").deeds(run.host)]
            assert len(deeds) == len(set(deeds))
            assert run.state.is_final or run.state is RunState.PENDING
            unknown = any(hook.done.state is HookState.UNKNOWN for hook in run.hooks)
            assert unknown is (run.state is RunState.REFUSED)
            assert ("upgrade" in deeds) is (run.state is RunState.SUCCEEDED)

    stage = Stage(HOOKED, is_elsewhere=True)
    assert _kill_everywhere(make_fresh, tmp_path, monkeypatch, stage, require) > 100
    assert phases == {Phase.SUCCEEDED, Phase.PAUSED}


def _ended(home: Path, rollout: RolloutId) -> Rollout:
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    with _begin(engine, home)() as work:
        ended = work.rollouts.get(rollout)
        events = work.audit.events()
        assert work.audit.verify() == (len(events), None)
    engine.dispose()
    begun = [str(e.details) for e in events if e.action is Action.HOOK_BEGUN]
    assert len(begun) == len(set(begun))
    return ended


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
    confirmed = [] if run.seconds is None else [f"confirm {run.transaction}"]
    return [f"upgrade {run.transaction}", *booted, *confirmed, *undone]
