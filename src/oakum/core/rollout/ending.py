"""How a host run comes to its end: what hooks did is taken back on the way, then it is over."""

from dataclasses import replace
from datetime import datetime

from oakum.core.planning.hook import HookMoment, HookPlace
from oakum.core.rollout.hooks import HookStep, next_hook, next_to_wake, next_undo
from oakum.core.rollout.rollout import WELL, Ending, HostRun
from oakum.core.rollout.state import RunState


def move(run: HostRun, state: RunState, reason: str, now: datetime) -> HostRun:
    """Return the run in another state, with the reason and the time."""
    return replace(
        run,
        state=state,
        reason=reason,
        changed_at=now,
        silent_since=None,
        at_work_since=None,
        unasked=None,
        ending=None,
        started_at=run.started_at or now,
        ended_at=now if state.is_final else None,
    )


def end(
    run: HostRun, state: RunState, reason: str, now: datetime, *, is_cut_off: bool = False
) -> HostRun:
    """Return the run at its end, or on its way there while hooks are to be undone."""
    ending = Ending(state, reason, is_cut_off=is_cut_off)
    if _next_undo(run, ending) is None:
        return ended(run, ending, now)
    return replace(move(run, RunState.UNDOING_HOOKS, reason, now), ending=ending)


def ended(run: HostRun, ending: Ending, now: datetime) -> HostRun:
    """Return the run at its end; what hooks did and was not taken back is named."""
    left = [hook.name for hook in run.hooks if hook.is_left]
    reason = f"not undone: {', '.join(left)}; {ending.reason}" if left else ending.reason
    return move(run, ending.state, reason, now)


def hook_step(run: HostRun) -> HookStep | None:
    """Return the hook, or the undo of one, that a run waits for; None when it waits for none."""
    match run.state:
        case RunState.BEFORE_HOOKS:
            return next_hook(run.hooks, HookMoment.BEFORE)
        case RunState.WAKING:
            return next_to_wake(run.hooks)
        case RunState.AFTER_HOOKS:
            return next_hook(run.hooks, HookMoment.AFTER)
        case RunState.UNDOING_HOOKS:
            return None if run.ending is None else _next_undo(run, run.ending)
        case (
            RunState.PENDING
            | RunState.CHECKING
            | RunState.UPGRADING
            | RunState.REBOOTING
            | RunState.VERIFYING
            | RunState.SUCCEEDED
            | RunState.REFUSED
            | RunState.FAILED
            | RunState.ROLLING_BACK
            | RunState.VERIFYING_ROLLBACK
            | RunState.ROLLED_BACK
            | RunState.ROLLBACK_FAILED
            | RunState.SKIPPED
        ):
            return None


def needs_host(run: HostRun) -> bool:
    """Tell whether what it waits for takes a connection: a hook on the controller does not."""
    step = hook_step(run)
    return step is None or step.hook.place is HookPlace.HOST


def _next_undo(run: HostRun, ending: Ending) -> HookStep | None:
    """Return what is undone next. A host that does not answer is not well, whatever it was."""
    is_well = ending.state in WELL and not ending.is_cut_off
    return next_undo(run.hooks, is_well=is_well, reaches_host=not ending.is_cut_off)
