"""The hooks of one host run: which is next, what became of each, and which are to be undone.

A hook is run at most once in a host run. That it begins is stored before it begins, so whoever
takes a run up finds either that nobody has begun it, or that somebody has and how to find out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from oakum.core.choice import Choice
from oakum.core.ids import HostId
from oakum.core.planning.hook import Hook, HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.text import harmless, one_line

MAX_SAID: Final = 1000
"""How much of what a hook printed last is kept."""
GRACE: Final = timedelta(minutes=5)
"""How long after its time a hook that still seems to run is waited for."""


class HookState(Choice):
    """What became of a hook, or of its undo."""

    WAITING = "not run"
    BEGUN = "begun"
    """Stored before anything is done: it may have been run from here on."""
    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    """It was killed, with all that it had started."""
    UNKNOWN = "unknown"
    """It was begun, and nobody can say how it ended."""

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more will be learnt of it."""
        return self is not HookState.WAITING and self is not HookState.BEGUN


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a command, or that there was none."""

    state: HookState = HookState.WAITING
    record: str = ""
    """Names the place whose record tells how it ended; empty when that is the host itself."""
    begun_at: datetime | None = None
    exit_status: int | None = None
    seconds: int | None = None
    said: str = ""
    """The end of what it printed, or why it is not known."""

    def in_words(self) -> str:
        """Return how it ended as one line."""
        lines = self.said.strip().splitlines()
        last = one_line(lines[-1], 200) if lines else ""
        status = f" (exit status {self.exit_status})" if self.exit_status else ""
        return f"{self.state.value}{status}{f': {last}' if last else ''}"


@dataclass(frozen=True, slots=True)
class HookRun:
    """A hook of the plan as one host run carries it out. The command stays in the plan."""

    name: str
    kind: HookKind
    moment: HookMoment
    place: HookPlace
    must_pass: bool
    timeout_seconds: int
    undo_when: UndoWhen | None
    """None: there is no undo."""
    done: Execution = Execution()
    undone: Execution = Execution()

    @property
    def as_planned(self) -> "HookRun":
        """Return it as it was before anything was done."""
        return replace(self, done=Execution(), undone=Execution())

    @property
    def is_left(self) -> bool:
        """Tell whether it may have been done and has an undo that did not pass, or was not run."""
        return (
            self.undo_when is not None
            and self.done.state is not HookState.WAITING
            and self.undone.state is not HookState.PASSED
        )


@dataclass(frozen=True, slots=True)
class HookStep:
    """The next thing to do: a hook, or its undo."""

    number: int
    """Which of the run's hooks."""
    hook: HookRun
    is_undo: bool

    @property
    def execution(self) -> Execution:
        """Return how it stands."""
        return self.hook.undone if self.is_undo else self.hook.done


Hooks = tuple[HookRun, ...]


def planned_hooks(hooks: Sequence[Hook]) -> Mapping[HostId, Hooks]:
    """Return for each host that has any the hooks of its run, not begun."""
    found: dict[HostId, Hooks] = {}
    for hook in hooks:
        undo_when = hook.undo_when if hook.undo else None
        planned = HookRun(
            name=hook.name,
            kind=hook.kind,
            moment=hook.moment,
            place=hook.place,
            must_pass=hook.must_pass,
            timeout_seconds=hook.timeout_seconds,
            undo_when=undo_when,
        )
        for host in hook.hosts:
            found[host] = (*found.get(host, ()), planned)
    return found


def seconds_until_well(hooks: Hooks) -> int:
    """Return how long hooks took before their host could be found well.

    Those before the change, and waking what they had brought to rest.
    """
    before = [h.done.seconds or 0 for h in hooks if h.moment is HookMoment.BEFORE]
    return sum(before) + sum(h.undone.seconds or 0 for h in hooks if h.kind is HookKind.QUIESCE)


def next_hook(hooks: Hooks, moment: HookMoment) -> HookStep | None:
    """Return the first hook of a moment that has not ended."""
    for number, hook in enumerate(hooks):
        if hook.moment is moment and not hook.done.state.has_ended:
            return HookStep(number, hook, is_undo=False)
    return None


def next_undo(hooks: Hooks, *, is_well: bool, reaches_host: bool) -> HookStep | None:
    """Return the last hook that is to be undone at this end and that has not been."""
    for number, hook in reversed(tuple(enumerate(hooks))):
        is_reached = reaches_host or hook.place is HookPlace.CONTROLLER
        if is_reached and _is_due(hook, is_well=is_well) and not hook.undone.state.has_ended:
            return HookStep(number, hook, is_undo=True)
    return None


def next_to_wake(hooks: Hooks) -> HookStep | None:
    """Return the last hook that brought something to rest for the change alone."""
    for number, hook in reversed(tuple(enumerate(hooks))):
        is_at_rest = hook.kind is HookKind.QUIESCE and _is_due(hook, is_well=False)
        if is_at_rest and not hook.undone.state.has_ended:
            return HookStep(number, hook, is_undo=True)
    return None


def _is_due(hook: HookRun, *, is_well: bool) -> bool:
    if hook.done.state is HookState.WAITING:
        return False  # nothing was done, so there is nothing to be undone
    match hook.undo_when:
        case None:
            return False
        case UndoWhen.ALWAYS:
            return True
        case UndoWhen.WELL:
            return is_well


def with_execution(hooks: Hooks, step: HookStep, execution: Execution) -> Hooks:
    """Return the hooks with another execution of this step."""
    changed = (
        replace(step.hook, undone=execution) if step.is_undo else replace(step.hook, done=execution)
    )
    return (*hooks[: step.number], changed, *hooks[step.number + 1 :])


class Progress(Enum):
    """How a hook's record stands, where it was run."""

    ABSENT = "absent"
    """There is no record: it was never begun there."""
    RUNNING = "running"
    ENDED = "ended"
    TIMED_OUT = "timed out"
    NOT_STARTED = "not started"
    """It could not be begun, and was not."""
    INTERRUPTED = "interrupted"
    """It was begun, does not run, and nobody wrote down how it ended."""


@dataclass(frozen=True, slots=True)
class HookStatus:
    """What a record says."""

    progress: Progress
    exit_status: int | None = None
    seconds: int | None = None
    said: str = ""


def judged(execution: Execution, status: HookStatus, limit: int, now: datetime) -> Execution:
    """Return the execution after its record was read; the same while it runs within its time."""
    ended = replace(
        execution,
        exit_status=status.exit_status,
        seconds=status.seconds,
        said=_end_of(status.said),
    )
    match status.progress:
        case Progress.ABSENT:
            return execution
        case Progress.RUNNING:
            over = execution.begun_at and now - execution.begun_at > GRACE + timedelta(
                seconds=limit
            )
            said = f"still running {GRACE.seconds // 60} minutes after its {limit} s were over"
            return replace(execution, state=HookState.UNKNOWN, said=said) if over else execution
        case Progress.ENDED if status.exit_status == 0:
            return replace(ended, state=HookState.PASSED)
        case Progress.ENDED | Progress.NOT_STARTED:
            return replace(ended, state=HookState.FAILED)
        case Progress.TIMED_OUT:
            return replace(ended, state=HookState.TIMED_OUT, said=ended.said or f"after {limit} s")
        case Progress.INTERRUPTED:
            said = ended.said or "it was begun, and what ran it is gone"
            return replace(ended, state=HookState.UNKNOWN, said=said)


def _end_of(text: str) -> str:
    return harmless(text.strip())[-MAX_SAID:]


def executions(hooks: Hooks) -> Iterator[tuple[str, Execution]]:
    """Give every execution with its name, hooks before their undos."""
    for hook in hooks:
        yield hook.name, hook.done
        if hook.undo_when is not None:
            yield f"undo of {hook.name}", hook.undone
