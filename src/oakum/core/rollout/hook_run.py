"""A host run and one of its hooks: begun, ended, or given up."""

from dataclasses import replace
from datetime import datetime

from oakum.core.rollout.ending import end, ended, hook_step, move
from oakum.core.rollout.hooks import HookState, HookStep, judged, with_execution
from oakum.core.rollout.observation import HookBegins, HookSeen
from oakum.core.rollout.rollout import Ending, HostRun
from oakum.core.rollout.state import RunState


def after_hook(run: HostRun, seen: HookBegins | HookSeen, now: datetime) -> HostRun:
    """Return the run after something was seen of a hook; of another than the next, nothing."""
    step = hook_step(run)
    if step is None or (step.hook.name, step.is_undo) != (seen.name, seen.is_undo):
        return run
    match seen:
        case HookBegins() if step.execution.state is HookState.WAITING:
            return _begin_hook(run, step, seen, now)
        case HookSeen() if step.execution.state is HookState.BEGUN:
            return _after_record(run, step, seen, now)
        case HookBegins() | HookSeen():
            return run


def _begin_hook(run: HostRun, step: HookStep, seen: HookBegins, now: datetime) -> HostRun:
    begun = replace(step.execution, state=HookState.BEGUN, record=seen.record, begun_at=now)
    hooks = with_execution(run.hooks, step, begun)
    return replace(run, hooks=hooks, reason=f"{_name(step)} is run")


def _after_record(run: HostRun, step: HookStep, seen: HookSeen, now: datetime) -> HostRun:
    execution = judged(step.execution, seen.status, step.hook.timeout_seconds, now)
    if not execution.state.has_ended:
        return run
    known = replace(run, hooks=with_execution(run.hooks, step, execution))
    if run.ending is not None and run.state is RunState.BEFORE_HOOKS:
        return end(known, run.ending.state, run.ending.reason, now)
    said = f"{_name(step)}: {execution.in_words()}"
    is_passed = execution.state is HookState.PASSED
    if not step.is_undo and step.hook.must_pass and not is_passed:
        is_before = run.state is RunState.BEFORE_HOOKS
        return end(known, RunState.REFUSED if is_before else RunState.FAILED, said, now)
    return _go_on(known, said, now)


def _name(step: HookStep) -> str:
    return f"the undo of hook {step.hook.name}" if step.is_undo else f"hook {step.hook.name}"


def _go_on(run: HostRun, said: str, now: datetime) -> HostRun:
    """Go on after a hook that has ended: to the next, or to where the last one leads."""
    if hook_step(run) is not None:
        return replace(run, reason=said)
    if run.ending is not None:
        return ended(run, run.ending, now)
    if run.state is RunState.BEFORE_HOOKS:
        return move(run, RunState.UPGRADING, said, now)
    if run.state is RunState.WAKING:
        return move(run, RunState.VERIFYING, said, now)
    return end(run, RunState.SUCCEEDED, said, now)


def called_off(run: HostRun, reason: str, now: datetime) -> HostRun:
    """Return a run before its change on its way to its end, with what hooks did undone.

    A hook that was begun ends first: it must not be undone while it runs.
    """
    step = hook_step(run)
    if step is None or step.execution.state is not HookState.BEGUN:
        return end(run, RunState.SKIPPED, reason, now)
    return replace(run, ending=Ending(RunState.SKIPPED, reason))


def given_up(run: HostRun, why: str) -> HostRun:
    """Return the run with the hook that was begun given up: nobody can say what became of it."""
    step = hook_step(run)
    if step is None or step.execution.state is not HookState.BEGUN:
        return run
    unknown = replace(step.execution, state=HookState.UNKNOWN, said=why)
    return replace(run, hooks=with_execution(run.hooks, step, unknown))


def undo_without_host(run: HostRun, ending: Ending, why: str, now: datetime) -> HostRun:
    """Leave what is undone on a host that does not answer; what is undone from here goes on."""
    known = replace(given_up(run, why), ending=replace(ending, is_cut_off=True), silent_since=None)
    return known if hook_step(known) is not None else ended(known, ending, now)
