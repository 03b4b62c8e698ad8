"""Whom a unit of work waits for: who reads for nobody, who drives for its own rows."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy import Engine
from tests.conformance.stores import examples
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import NOW
from tests.conformance.stores.test_two_writers import ROUNDS, WRITERS, at_once

from oakum.adapters.persistence.database import Turn
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.audit.event import Action
from oakum.core.errors import StorageContendedError, StorageError
from oakum.core.ids import HostRunId, RolloutId
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState
from oakum.ports.deliveries import Job
from oakum.ports.stores import UnitOfWork

ROLLOUT = RolloutId("rollout-1")
PATIENCE_SECONDS = 30
BeginAs = Callable[[Turn], UnitOfWork]


@pytest.fixture
def as_(engine: Engine, home: Path, begin: Begin) -> BeginAs:
    """Begin units of work for a turn, on a database with a rollout of three hosts."""
    with begin() as work:
        plan = examples.plan()
        work.plans.add(plan)
        runs = tuple(examples.host_run(number, RunState.CHECKING) for number in range(3))
        work.rollouts.save(replace(examples.rollout(plan), runs=runs))
        work.commit()
    return lambda turn: SqlUnitOfWork(engine, home, turn)


on_a_server = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
"""SQLite has one writer, whatever each writes."""


def _run(number: int) -> HostRunId:
    return HostRunId(f"run-{number}")


def _fail(number: int, work: UnitOfWork, reason: str = "broken") -> HostRun:
    """Do what a driver does: hold the run, save it, and have that recorded."""
    held = work.rollouts.hold_run(_run(number))
    assert held is not None
    failed = replace(held, state=RunState.FAILED, reason=f"{held.reason}{reason}")
    work.rollouts.save_run(ROLLOUT, failed)
    work.audit.append(
        at=NOW, actor="me", action=Action.HOST_RUN_CHANGED, subject=f"{number}", details={}
    )
    return failed


def _reasons(work: UnitOfWork) -> list[str]:
    return [run.reason for run in work.rollouts.get(ROLLOUT).runs]


def test_who_reads_waits_for_nobody(as_: BeginAs) -> None:
    """In the middle of a decision and of a change, what is committed is read at once."""
    with as_(Turn.DECIDING) as decides:
        decides.hosts.add(examples.host("web-1", 1))
        with as_(Turn.READING) as reads:
            assert reads.hosts.all() == ()
            assert reads.audit.verify() == (0, None)
        decides.commit()
    with as_(Turn.READING) as reads:
        assert len(reads.hosts.all()) == 1


def test_who_reads_sees_one_moment(as_: BeginAs) -> None:
    """What is committed between two questions is not in the second answer either."""
    with as_(Turn.READING) as reads:
        before = _reasons(reads)
        with as_(Turn.DRIVING) as drives:
            _fail(0, drives)
            drives.commit()
        assert _reasons(reads) == before
        assert reads.audit.events() == ()


def test_an_audit_that_is_checked_while_others_append_holds(as_: BeginAs) -> None:
    """The head that is kept meanwhile is no fault of the moment that is checked."""
    with as_(Turn.DRIVING) as drives:
        _fail(0, drives)
        drives.commit()
    with as_(Turn.READING) as reads:
        assert reads.audit.verify() == (1, None)
        with as_(Turn.DRIVING) as drives:
            _fail(1, drives)
            drives.commit()
        assert len(reads.audit.events()) == 1


def test_who_reads_commits_nothing(as_: BeginAs) -> None:
    """A unit of work of the wrong kind is a defect that shows at once."""
    with as_(Turn.READING) as reads, pytest.raises(RuntimeError, match="nothing to commit"):
        reads.commit()


@on_a_server
def test_who_reads_writes_nothing(as_: BeginAs) -> None:
    """The server itself refuses."""
    with pytest.raises(StorageError, match="read-only"), as_(Turn.READING) as reads:
        reads.hosts.add(examples.host("web-1", 1))


@on_a_server
def test_drivers_of_different_hosts_do_not_wait_for_each_other(as_: BeginAs) -> None:
    """One is in the middle of its change while the other begins and ends; the chain is one."""
    with as_(Turn.DRIVING) as first:
        _fail(0, first)
        with as_(Turn.DECIDING) as decides:
            with as_(Turn.DRIVING) as second:
                _fail(1, second)
                second.commit()
            decides.hosts.add(examples.host("web-1", 1))
            decides.commit()
        first.commit()
    with as_(Turn.READING) as reads:
        assert [event.subject for event in reads.audit.events()] == ["1", "0"]
    with as_(Turn.READING) as reads:
        assert reads.audit.verify() == (2, None)


def test_drivers_at_once_make_one_chain(as_: BeginAs) -> None:
    """Each links its events to the last that was committed, whoever committed it."""

    def write(writer: int) -> None:
        for number in range(ROUNDS):
            with as_(Turn.DRIVING) as work:
                for half in "ab":
                    work.audit.append(
                        at=NOW,
                        actor=f"worker {writer}",
                        action=Action.HOST_RUN_CHANGED,
                        subject=f"{writer}-{number}{half}",
                        details={},
                    )
                work.commit()

    at_once(write)
    with as_(Turn.READING) as reads:
        assert reads.audit.verify() == (2 * WRITERS * ROUNDS, None)
        subjects = [event.subject for event in reads.audit.events()]
    assert len(set(subjects)) == len(subjects)
    assert {s[:-1] for s in subjects[::2]} == {s[:-1] for s in subjects[1::2]}


@on_a_server
def test_drivers_of_the_same_host_wait_and_find_what_was_stored(as_: BeginAs) -> None:
    """Nothing that one has stored is written over by the other."""

    def second() -> None:
        with as_(Turn.DRIVING) as work:
            _fail(0, work, ", by the second")
            work.commit()

    with ThreadPoolExecutor(1) as other, as_(Turn.DRIVING) as work:
        _fail(0, work, ", by the first")
        waits = other.submit(second)
        with pytest.raises(TimeoutError):
            waits.result(0.5)
        work.commit()
        waits.result(PATIENCE_SECONDS)
    with as_(Turn.READING) as reads:
        assert _reasons(reads)[0].endswith(", by the first, by the second")


@on_a_server
def test_a_worker_that_was_given_up_stores_nothing(as_: BeginAs) -> None:
    """Taking a job back waits for who is storing, and is then seen by all that it stores later."""
    job = Job(ROLLOUT, _run(0), 1)
    with as_(Turn.DECIDING) as work:
        (offered,) = work.deliveries.offer([job], NOW)
        taken = work.deliveries.take(offered, "worker", NOW)
        work.commit()
    assert taken is not None

    def take_back() -> None:
        with as_(Turn.DRIVING) as work:
            work.deliveries.withdraw(job.host_run, NOW)
            work.commit()

    with ThreadPoolExecutor(1) as other, as_(Turn.DRIVING) as stores:
        assert stores.deliveries.holds(taken, "worker", NOW)
        waits = other.submit(take_back)
        with pytest.raises(TimeoutError):
            waits.result(0.5)
        _fail(0, stores)
        stores.commit()
        waits.result(PATIENCE_SECONDS)
    with as_(Turn.DRIVING) as late:
        assert not late.deliveries.holds(taken, "worker", NOW)


@on_a_server
def test_a_decision_about_a_run_that_changed_meanwhile_is_none(as_: BeginAs) -> None:
    """Whoever decided has to look again."""
    with as_(Turn.DECIDING) as decides:
        before = decides.rollouts.look(ROLLOUT).rollout
        with as_(Turn.DRIVING) as drives:
            _fail(0, drives)
            drives.commit()
        skipped = replace(before.runs[0], state=RunState.SKIPPED, reason="not any more")
        after = replace(before, runs=(skipped, *before.runs[1:]))
        with pytest.raises(StorageContendedError, match="run-0 was changed"):
            decides.rollouts.save(after, before)


@on_a_server
def test_whoever_looks_again_misses_no_change(as_: BeginAs) -> None:
    """Not even one that was begun before what was seen, and committed after it."""
    with as_(Turn.READING) as reads:
        seen = reads.rollouts.look(ROLLOUT)
    with as_(Turn.DRIVING) as early:
        first = _fail(0, early)
        early.rollouts.run(_run(1))  # it has written by now, and is not committed
        with as_(Turn.DRIVING) as late:
            second = _fail(1, late)
            late.commit()
        with as_(Turn.READING) as reads:
            seen = reads.rollouts.look(ROLLOUT, seen)
        assert (seen.rollout.runs[0] == first, seen.rollout.runs[1]) == (False, second)
        early.commit()
    with as_(Turn.READING) as reads:
        seen = reads.rollouts.look(ROLLOUT, seen)
    assert seen.rollout.runs[:2] == (first, second)


@on_a_server
def test_a_deadlock_is_nobodys_error(as_: BeginAs) -> None:
    """Two that lock the same rows in other orders: the server stops one, which is done again."""
    writers = [GroupCommit(lambda: as_(Turn.DRIVING)) for _ in range(2)]

    def crossing(first: int, second: int, work: UnitOfWork) -> None:
        for number in (first, second):
            _fail(number, work, f", {first} first")
            work.rollouts.run(_run(2))  # written now, and not only at the commit
            both_at_once.wait(timeout=1)

    async def cross() -> None:
        await asyncio.gather(
            writers[0].do(lambda work: crossing(0, 1, work)),
            writers[1].do(lambda work: crossing(1, 0, work)),
        )

    both_at_once = _Rendezvous()
    asyncio.run(cross())
    with as_(Turn.READING) as reads:
        for reason in _reasons(reads)[:2]:
            assert reason.count(", 0 first") == reason.count(", 1 first") == 1


class _Rendezvous:
    """Lets two pass together, and each alone after a while."""

    def __init__(self) -> None:
        self._barrier = Barrier(2)

    def wait(self, timeout: float) -> None:
        try:
            self._barrier.wait(timeout)
        except BrokenBarrierError:
            return
