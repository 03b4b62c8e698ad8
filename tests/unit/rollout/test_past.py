"""What past rollouts tell of a host that the present one leaves alone."""

from dataclasses import replace
from datetime import timedelta

from tests.unit.rollout.test_gate import GOOD, NOW, hooked, run

from oakum.core.ids import RolloutId
from oakum.core.rollout.hooks import HookState
from oakum.core.rollout.past import why_down
from oakum.core.rollout.state import HardSignal, RunState

FIRST, SECOND = RolloutId("rollout-1"), RolloutId("rollout-2")


def test_a_host_that_was_scanned_since_it_could_not_be_reached_is_up() -> None:
    """Nothing was changed on it, and it answers."""
    lost = replace(run(0, RunState.REFUSED), signals=(HardSignal.UNREACHABLE,), ended_at=NOW)
    past = [(SECOND, lost), (FIRST, run(0, GOOD))]
    for last_seen in (None, NOW - timedelta(hours=1), NOW):
        assert why_down(past, last_seen, None) == "could not be reached in rollout-2"
    assert why_down(past, NOW + timedelta(hours=1), None) == ""


def test_a_scan_does_not_show_that_a_host_that_failed_works() -> None:
    """Neither does a run that ended before anything was changed."""
    past = [(SECOND, run(0, RunState.REFUSED)), (FIRST, run(0, RunState.FAILED))]
    assert why_down(past, NOW + timedelta(hours=1), None) == "failed in rollout-1"


def test_a_host_that_a_hook_took_out_of_service_is_down() -> None:
    """It is well, and does no work."""
    drained = hooked(0, GOOD, HookState.FAILED)
    assert (
        why_down([(FIRST, drained)], NOW, None)
        == "was not put back as a hook found it in rollout-1"
    )
    assert (
        why_down([(SECOND, hooked(0, GOOD, HookState.PASSED)), (FIRST, drained)], NOW, None) == ""
    )


def test_a_persons_word_is_about_what_ended_before_it() -> None:
    """Whatever it was; a later failure, also of an older rollout that was rolled back, counts."""
    failed = replace(run(0, RunState.FAILED), ended_at=NOW)
    drained = replace(hooked(0, GOOD, HookState.FAILED), ended_at=NOW)
    before, after = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    for past in (failed, drained):
        assert why_down([(FIRST, past)], after, before) != ""
        assert why_down([(FIRST, past)], None, NOW) != ""
        assert why_down([(FIRST, past)], None, after) == ""
    stuck = replace(run(0, RunState.ROLLBACK_FAILED), ended_at=after + timedelta(hours=1))
    both = [(SECOND, failed), (FIRST, stuck)]
    assert why_down(both, None, after) == "could not be put back in rollout-1"
