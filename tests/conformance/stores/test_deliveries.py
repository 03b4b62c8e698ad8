"""Who holds which host run: on both databases, and whoever asks."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conformance.stores import examples
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import NOW

from oakum.core.ids import HostRunId, RolloutId
from oakum.core.rollout.state import Phase, RunState
from oakum.ports.deliveries import Job, Limits, WorkerSeen
from oakum.ports.stores import UnitOfWork

MINUTE = timedelta(minutes=1)
ROLLOUT = RolloutId("rollout-1")


def job(number: int, group: str = "") -> Job:
    return Job(ROLLOUT, HostRunId(f"run-{number}"), 3, group)


def worker(name: str, minute: int = 0, *groups: str) -> WorkerSeen:
    return WorkerSeen(name, groups or ("",), "1.2", NOW, NOW + minute * MINUTE)


def limits(minute: int) -> Limits:
    """Return limits of one, ten and thirty minutes at this minute."""
    now = NOW + minute * MINUTE
    return Limits(now - MINUTE, now - 10 * MINUTE, now - 30 * MINUTE)


@pytest.fixture
def begin(begin: Begin) -> Begin:
    """Begin units of work on a database with three host runs."""
    with begin() as work:
        plan = examples.plan()
        work.plans.add(plan)
        runs = tuple(examples.host_run(number) for number in range(3))
        work.rollouts.save(replace(examples.rollout(plan), runs=runs))
        work.commit()
    return begin


def taken(work: UnitOfWork, number: int, by: str) -> Job:
    (offered,) = work.deliveries.offer([job(number)], NOW)
    held = work.deliveries.take(offered, by, NOW)
    assert held == offered
    return offered


def test_a_job_is_offered_once_until_it_is_over(begin: Begin) -> None:
    """While it waits or is at work it is nobody else's; afterwards it is another attempt."""
    with begin() as work:
        assert work.deliveries.offer([job(1), job(2)], NOW) == (
            replace(job(1), attempt=1),
            replace(job(2), attempt=1),
        )
        assert work.deliveries.offer([job(1)], NOW) == ()
        held = work.deliveries.take(replace(job(1), attempt=1), "w", NOW)
        assert held is not None
        assert work.deliveries.offer([job(1)], NOW) == ()
        work.deliveries.end(held, "w", NOW)
        assert work.deliveries.offer([job(1), job(2)], NOW) == (replace(job(1), attempt=2),)


def test_only_one_worker_takes_a_job(begin: Begin) -> None:
    """The second, and one that comes with an earlier attempt, get nothing."""
    with begin() as work:
        first = taken(work, 1, "a")
        assert work.deliveries.take(first, "b", NOW) is None
        work.deliveries.withdraw(first.host_run, NOW)
        (second,) = work.deliveries.offer([job(1)], NOW)
        assert work.deliveries.take(first, "a", NOW) is None
        assert work.deliveries.take(second, "b", NOW) == second


def test_a_job_of_an_older_form_takes_what_waits(begin: Begin) -> None:
    """It has no attempt; it learns the one that it is."""
    with begin() as work:
        assert work.deliveries.take(job(1), "a", NOW) is None
        (offered,) = work.deliveries.offer([job(1)], NOW)
        assert work.deliveries.take(job(1), "a", NOW) == offered
        assert work.deliveries.take(job(1), "b", NOW) is None


@pytest.mark.parametrize("late", [1, 2])
def test_who_was_replaced_holds_nothing(begin: Begin, late: int) -> None:
    """Not even where the same worker has got the run again, and another task of it asks."""
    with begin() as work:
        first = taken(work, 1, "a")
        assert work.deliveries.holds(first, "a", NOW)
        assert not work.deliveries.holds(first, "b", NOW)
        work.deliveries.withdraw(first.host_run, NOW)
        assert not work.deliveries.holds(first, "a", NOW)
        if late == 2:
            second = taken(work, 1, "a")
            assert not work.deliveries.holds(first, "a", NOW)
            work.deliveries.end(first, "a", NOW, "too late")
            assert work.deliveries.holds(second, "a", NOW)
            assert work.deliveries.broken(ROLLOUT) == {}


def test_dead_workers_stuck_jobs_and_lost_ones_are_taken_back(begin: Begin) -> None:
    """Each by its own limit; what gets on with a live worker is left alone."""
    with begin() as work:
        (held, stuck) = (taken(work, 0, "dead"), taken(work, 1, "alive"))
        work.deliveries.offer([job(2)], NOW)
        work.deliveries.beat(worker("dead"), [held])
        work.deliveries.beat(worker("alive"), [stuck])
        assert work.deliveries.take_back(limits(1), NOW) == ()
        work.deliveries.beat(worker("alive", 2), [stuck])
        assert work.deliveries.take_back(limits(2), NOW) == ("run-0",)
        assert not work.deliveries.holds(held, "dead", NOW)
        assert work.deliveries.holds(stuck, "alive", NOW + 5 * MINUTE)
        work.deliveries.beat(worker("alive", 14), [stuck])
        assert work.deliveries.take_back(limits(14), NOW) == ()
        work.deliveries.beat(worker("alive", 16), [stuck])
        assert work.deliveries.take_back(limits(16), NOW) == ("run-1",)
        assert work.deliveries.take_back(limits(31), NOW) == ("run-2",)


def test_a_beat_tells_what_is_still_held_and_frees_what_was_forgotten(begin: Begin) -> None:
    """A worker that could not store the end of a job does not keep it for ever."""
    with begin() as work:
        known, forgotten = taken(work, 0, "a"), taken(work, 1, "a")
        gone = taken(work, 2, "a")
        work.deliveries.withdraw(gone.host_run, NOW)
        held = work.deliveries.beat(worker("a"), [known, gone])
        assert held == {("run-0", 1), ("run-1", 1)}
        assert work.deliveries.beat(worker("a"), [known, gone]) == {("run-0", 1)}
        assert not work.deliveries.holds(forgotten, "a", NOW)
        (again,) = work.deliveries.offer([job(0), job(1)], NOW)
        assert again == replace(job(1), attempt=2)


def test_a_beat_frees_nothing_that_is_being_taken_under_an_older_form(begin: Begin) -> None:
    """Its number is not known yet."""
    with begin() as work:
        mine = taken(work, 0, "a")
        assert work.deliveries.beat(worker("a"), [job(0)]) == {("run-0", 1)}
        assert work.deliveries.holds(mine, "a", NOW)


def test_a_worker_that_leaves_gives_everything_back(begin: Begin) -> None:
    """At once, and it is no longer shown."""
    with begin() as work:
        mine, other = taken(work, 0, "a"), taken(work, 1, "b")
        work.deliveries.beat(worker("a", 0, "dmz", ""), [mine])
        work.deliveries.beat(worker("b"), [other])
        assert work.deliveries.workers(NOW) == (worker("a", 0, "dmz", ""), worker("b"))
        work.deliveries.leave("a", NOW)
        assert work.deliveries.workers(NOW) == (worker("b"),)
        assert not work.deliveries.holds(mine, "a", NOW)
        assert work.deliveries.holds(other, "b", NOW)


def test_defects_are_named_once(begin: Begin) -> None:
    """And belong to the delivery, not to the next one."""
    with begin() as work:
        work.deliveries.end(taken(work, 0, "a"), "a", NOW, "ZeroDivisionError")
        work.deliveries.end(taken(work, 1, "a"), "a", NOW, "ZeroDivisionError")
        work.deliveries.offer([job(1)], NOW)
        assert work.deliveries.broken(RolloutId("rollout-2")) == {}  # of another controller
        assert work.deliveries.broken(ROLLOUT) == {"run-0": "ZeroDivisionError"}
        assert work.deliveries.broken(ROLLOUT) == {}


def test_what_was_fetched_and_not_taken_is_freed(begin: Begin) -> None:
    """What somebody has taken since is not."""
    with begin() as work:
        (waits,) = work.deliveries.offer([job(0, "dmz")], NOW)
        held = taken(work, 1, "a")
        assert work.deliveries.waiting() == {"dmz": 1}
        work.deliveries.lost(waits, NOW)
        work.deliveries.lost(held, NOW)
        assert work.deliveries.waiting() == {}
        assert work.deliveries.holds(held, "a", NOW)


def test_a_rollout_is_looked_at_again_by_its_changes(begin: Begin) -> None:
    """What was seen, and what others have stored since, is all that is there."""
    with begin() as work:
        seen = work.rollouts.look(ROLLOUT)
        assert work.rollouts.look(ROLLOUT, seen).rollout is seen.rollout
        run = replace(seen.rollout.runs[1], state=RunState.FAILED, reason="broken")
        work.rollouts.save_run(ROLLOUT, run)
        following = work.rollouts.look(ROLLOUT, seen)
        assert following.rollout.runs == (seen.rollout.runs[0], run, seen.rollout.runs[2])
        assert following.rollout.runs[0] is seen.rollout.runs[0]
        after = replace(following.rollout, phase=Phase.PAUSED)
        after = replace(after, runs=(replace(after.runs[0], reason="x"), *after.runs[1:]))
        work.rollouts.save(after, following.rollout)
        assert work.rollouts.look(ROLLOUT, following).rollout == after
        assert work.rollouts.get(ROLLOUT) == after
        assert work.rollouts.run(run.id) == run
        assert work.rollouts.run(HostRunId("never heard of")) is None
