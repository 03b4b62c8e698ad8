"""A transaction that says for ever that it runs: noticed, named, and never ended by us."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.stores import examples
from tests.plans import NOW

from oakum.core.planning.prediction import (
    ALLOWED_AT_LEAST,
    HUNG_AFTER,
    SECONDS_A_HOST,
    allowed_for,
)
from oakum.core.rollout.host_run import advance
from oakum.core.rollout.observation import TransactionSeen, Unreachable
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState
from oakum.core.rollout.transaction import JournalEntry, TransactionState, TransactionStatus

HOUR = timedelta(hours=1)
WITHOUT_END = (TransactionState.ABSENT, TransactionState.RUNNING, TransactionState.INTERRUPTED)
AT_WORK = {
    RunState.UPGRADING: (RunState.FAILED, "transaction"),
    RunState.ROLLING_BACK: (RunState.ROLLBACK_FAILED, "rollback_transaction"),
}


def _run(state: RunState) -> HostRun:
    return replace(examples.host_run(0, state), changed_at=NOW, at_work_since=None)


def _seen(state: TransactionState = TransactionState.RUNNING) -> TransactionSeen:
    return TransactionSeen(
        TransactionStatus(state, "install", "", ()), may_reboot=False, allowed=HOUR
    )


def _watched(run: HostRun, moments: list[datetime], state: TransactionState) -> HostRun:
    for moment in moments:
        run = advance(run, _seen(state), moment)
    return run


@pytest.mark.parametrize("at_work", AT_WORK)
@pytest.mark.parametrize("state", WITHOUT_END)
def test_one_that_does_not_end_in_time_has_failed(
    at_work: RunState, state: TransactionState
) -> None:
    """The reason says for how long, where, that it goes on, and what to do."""
    ended, name = AT_WORK[at_work]
    run = _watched(_run(at_work), [NOW, NOW + HOUR - timedelta(seconds=1)], state)
    assert (run.state, run.reason) == (at_work, "install")
    hung = advance(run, _seen(state), NOW + HOUR)
    assert hung.state is ended
    for part in ("no end after 60 minutes", "at install", getattr(run, name), "then roll back"):
        assert part in hung.reason


def test_one_that_waits_for_somebody_else_names_him() -> None:
    """What is interrupted and taken up again in vain does not go on: its journal says why."""
    journal = (
        JournalEntry("", "preflight", "interrupted", "locked by process 77 (apt)"),
        JournalEntry("", "resume", "started", "the id of a boot"),
    )
    status = TransactionStatus(TransactionState.INTERRUPTED, "preflight", "", journal)
    seen = TransactionSeen(status, may_reboot=False, allowed=HOUR)
    run = advance(_run(RunState.UPGRADING), seen, NOW)
    hung = advance(run, seen, NOW + HOUR)
    assert hung.state is RunState.FAILED
    assert "was interrupted and does not get on (locked by process 77 (apt))" in hung.reason
    assert "goes on" not in hung.reason


def test_time_in_which_nobody_looked_does_not_count_against_it() -> None:
    """A controller that was away before it handed the transaction over finds it begun, not hung."""
    late = NOW + 10 * HOUR
    run = _watched(_run(RunState.UPGRADING), [late], TransactionState.RUNNING)
    assert (run.state, run.at_work_since) == (RunState.UPGRADING, late)


def test_a_way_back_has_its_own_time() -> None:
    """The hours of the upgrade are not those of the roll-back."""
    run = _watched(_run(RunState.UPGRADING), [NOW, NOW + HOUR], TransactionState.RUNNING)
    assert run.state is RunState.FAILED
    assert run.at_work_since is None


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), st.data())
def test_it_never_fails_early_nor_stays_for_ever(minutes: list[int], data: st.DataObject) -> None:
    """Whatever is seen in between: it fails with the first sight after its time, and not before."""
    run, first = _run(RunState.UPGRADING), None
    for minute in sorted(minutes):
        moment = NOW + timedelta(minutes=minute)
        if data.draw(st.booleans()) and first is not None:
            assert advance(run, Unreachable("cut"), moment).state is RunState.UPGRADING
        first = first or moment
        run = advance(run, _seen(), moment)
        is_late = moment - first >= HOUR
        assert run.state is (RunState.FAILED if is_late else RunState.UPGRADING)
        if is_late:
            break


def test_what_is_allowed_grows_with_the_plan_and_is_never_short() -> None:
    """Few packages have the least, many have a multiple of their prediction, slow fleets more."""
    assert allowed_for(1, 100) == ALLOWED_AT_LEAST
    many = timedelta(seconds=HUNG_AFTER * (SECONDS_A_HOST + 500))
    assert allowed_for(500, 100) == many
    assert allowed_for(500, 300) == 3 * many
