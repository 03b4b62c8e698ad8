"""Rollouts: what is stored, and who may act."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from tests.conformance.stores import examples
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import LATER, NOW

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.core.errors import NotFoundError
from oakum.core.ids import HostRunId, PlanId, RolloutId
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState
from oakum.ports.stores import RolloutOutline

HALF_MINUTE = timedelta(seconds=30)
ID = RolloutId("rollout-1")


@pytest.fixture
def stored(begin: Begin) -> Rollout:
    """Store one rollout of one plan."""
    with begin() as work:
        work.plans.add(examples.plan())
        made = examples.rollout(examples.plan())
        work.rollouts.save(made)
        work.commit()
    return made


def test_rollout_comes_back_whole(begin: Begin, stored: Rollout) -> None:
    """Phases, wishes, moments and host runs in their order survive."""
    with begin() as work:
        assert work.rollouts.get("latest") == stored
        assert work.rollouts.get("rollout") == stored
        with pytest.raises(NotFoundError):
            work.rollouts.get("other")


def test_an_older_oakum_reads_how_many_were_forgiven_and_is_read() -> None:
    """It runs beside this one while a site is upgraded, and knows the number only."""
    made = replace(examples.rollout(examples.plan()), runs=())
    document = json.loads(to_document(made))
    assert (document["forgiven"], document.pop("forgiven_runs")) == (2, ["run-1", "run-2"])
    read = from_document(json.dumps(document).encode(), Rollout, "rollout-1")
    assert read == replace(made, forgiven_runs=())


def test_rollouts_are_listed_oldest_first(begin: Begin, stored: Rollout, engine: Engine) -> None:
    """The latest is the one that started last; its hosts are counted, and none is read."""
    newer = replace(
        stored, id=RolloutId("rollout-0"), started_at=LATER, phase=Phase.PAUSED, reason="x", runs=()
    )
    read: list[str] = []
    with begin() as work:
        work.rollouts.save(newer)
        assert work.rollouts.get("latest") == newer
        event.listen(engine, "before_cursor_execute", lambda *seen: read.append(seen[2]))
        first, last = work.rollouts.outlines()
    assert first == RolloutOutline(
        stored.id, stored.plan, stored.phase, stored.reason, stored.started_at, len(stored.runs)
    )
    assert (last.id, last.phase, last.reason, last.hosts) == (newer.id, Phase.PAUSED, "x", 0)
    assert not any("host_runs.document" in statement for statement in read)


def test_only_what_is_asked_for_is_read(begin: Begin, stored: Rollout, engine: Engine) -> None:
    """The newest some, those of a plan, or the runs of a host: a fleet has had many rollouts."""
    newer, newest = (
        replace(
            stored,
            id=RolloutId(f"rollout-{number}"),
            started_at=LATER + number * HALF_MINUTE,
            runs=(replace(examples.host_run(1), id=HostRunId(f"again-{number}")),),
        )
        for number in (2, 3)
    )
    read: list[str] = []
    with begin() as work:
        work.rollouts.save(newer)
        work.rollouts.save(newest)
        event.listen(engine, "before_cursor_execute", lambda *seen: read.append(seen[2]))
        assert list(work.rollouts.newest(2)) == [newest, newer]
        assert sum("FROM host_runs" in statement for statement in read) == 2
        assert work.rollouts.of_plan(stored.plan) == (stored, newer, newest)
        assert work.rollouts.count_of(stored.plan) == 3
        assert (
            work.rollouts.of_plan(PlanId("other")),
            work.rollouts.count_of(PlanId("other")),
        ) == (
            (),
            0,
        )
        assert tuple(work.rollouts.runs_of(stored.runs[0].host)) == tuple(
            (rollout.id, rollout.runs[0]) for rollout in (newest, newer, stored)
        )


def test_rollouts_that_have_ended_are_not_among_the_unfinished(
    begin: Begin, stored: Rollout
) -> None:
    """However many there were, only those that may still change a host are read."""
    with begin() as work:
        for number, phase in enumerate(Phase):
            work.rollouts.save(
                replace(stored, id=RolloutId(f"r-{number}"), phase=phase, started_at=LATER, runs=())
            )
        phases = {rollout.phase for rollout in work.rollouts.unfinished()}
        assert phases == {phase for phase in Phase if not phase.is_final}
        assert work.rollouts.unfinished()[0] == stored


def test_saving_writes_only_the_run_that_changed(
    begin: Begin, engine: Engine, stored: Rollout
) -> None:
    """With a thousand hosts, one host's step costs one row."""
    written: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *seen: written.append(seen[2]))
    changed = replace(stored, runs=(stored.runs[0], examples.host_run(2, RunState.VERIFYING)))
    with begin() as work:
        work.rollouts.save(changed)
        work.commit()
    assert sum(statement.startswith("UPDATE host_runs") for statement in written) == 1
    with begin() as work:
        assert work.rollouts.get(ID) == changed


def test_one_controller_acts_at_a_time(begin: Begin, stored: Rollout) -> None:
    """The holder renews and keeps its epoch; another gets nothing while the lease lasts."""
    with begin() as work:
        take = work.rollouts.take_lease
        assert take(stored.id, "one", now=NOW, until=NOW + HALF_MINUTE) == 1
        assert take(stored.id, "one", now=NOW, until=NOW + 2 * HALF_MINUTE) == 1
        later = NOW + HALF_MINUTE
        assert take(stored.id, "two", now=later, until=later + HALF_MINUTE) is None


def test_an_expired_lease_is_taken_over_with_a_new_epoch(begin: Begin, stored: Rollout) -> None:
    """Whoever was away too long finds another epoch, and may not act any more."""
    after = NOW + HALF_MINUTE + timedelta(microseconds=1)
    with begin() as work:
        take = work.rollouts.take_lease
        assert take(stored.id, "one", now=NOW, until=NOW + HALF_MINUTE) == 1
        assert take(stored.id, "two", now=after, until=after + HALF_MINUTE) == 2
        assert take(stored.id, "one", now=after, until=after + HALF_MINUTE) is None


def test_a_released_lease_is_free_at_once(begin: Begin, stored: Rollout) -> None:
    """Only the holder can release; the next one gets a new epoch."""
    with begin() as work:
        take = work.rollouts.take_lease
        take(stored.id, "one", now=NOW, until=LATER)
        work.rollouts.release_lease(stored.id, "two")
        assert take(stored.id, "two", now=NOW, until=LATER) is None
        work.rollouts.release_lease(stored.id, "one")
        assert take(stored.id, "two", now=NOW, until=LATER) == 2


def test_saving_does_not_touch_the_lease(begin: Begin, stored: Rollout) -> None:
    """A new state does not free the rollout for another controller."""
    with begin() as work:
        take = work.rollouts.take_lease
        take(stored.id, "one", now=NOW, until=LATER)
        work.rollouts.save(replace(stored, reason="another"))
        assert take(stored.id, "two", now=NOW, until=LATER) is None
