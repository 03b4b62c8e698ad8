"""A host that nobody could ask, by a fault of the machine that was to ask it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.rollout.test_gate import NOW, rollout, run, with_run

from oakum.core.rollout.decide import settle
from oakum.core.rollout.host_run import PATIENCE, advance, work_for
from oakum.core.rollout.observation import Booted, NotAsked, Unreachable
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import Phase, RunState, Wish

AWAY = NotAsked("the key is away")
AT_WORK = [state for state in RunState if work_for(state) is not None]


def unasked_for(patience: timedelta, state: RunState) -> HostRun:
    """Return a run that was first and last tried so far apart."""
    return advance(advance(run(0, state), AWAY, NOW), AWAY, NOW + patience)


@pytest.mark.parametrize("state", AT_WORK)
def test_it_keeps_its_state_however_long_that_takes(state: RunState) -> None:
    """It was not silent, and nothing speaks against the change."""
    after = unasked_for(10 * PATIENCE, state)
    assert (after.state, after.signals, after.silent_since) == (state, (), None)
    assert after.reason == "not asked: the key is away"


@pytest.mark.parametrize("state", [state for state in AT_WORK if state is not RunState.CHECKING])
def test_the_rollout_pauses_with_the_true_reason_after_the_usual_patience(state: RunState) -> None:
    """Before that it may mend by itself; who resumes has it tried for as long again."""
    going = rollout(RunState.PENDING, RunState.UPGRADING)
    early = with_run(going, 0, unasked_for(PATIENCE - timedelta(seconds=1), state))
    assert settle(early, NOW).phase is Phase.PROGRESSING
    paused = settle(with_run(going, 0, unasked_for(PATIENCE, state)), NOW)
    assert paused.phase is Phase.PAUSED
    assert paused.reason == (
        "hosts cannot be asked, by a fault of the machine that drives them (h0): the key is away"
    )
    assert paused.runs[0].state is state
    resumed = settle(replace(paused, wish=Wish.RESUME), NOW + PATIENCE)
    assert resumed.phase is Phase.PROGRESSING
    assert settle(resumed, NOW + 2 * PATIENCE).phase is Phase.PROGRESSING


def test_a_controller_that_is_started_anew_asks_before_it_pauses() -> None:
    """The key may be back by then."""
    before = with_run(
        rollout(RunState.UPGRADING), 0, advance(run(0, RunState.UPGRADING), AWAY, NOW)
    )
    assert settle(before, NOW + 10 * PATIENCE).phase is Phase.PROGRESSING


def test_silence_is_counted_from_when_it_could_be_asked_again() -> None:
    """Nobody asked it meanwhile."""
    tried = unasked_for(PATIENCE, RunState.REBOOTING)
    silent = advance(tried, Unreachable("no route"), NOW + 2 * PATIENCE)
    assert (silent.state, silent.unasked) == (RunState.REBOOTING, None)
    assert silent.silent_since == NOW + 2 * PATIENCE
    assert advance(tried, Booted("anew"), NOW).unasked is None
