"""The decision: from the whole state of a rollout and the time, the next state.

`decide` is called again and again until it changes nothing; the reconciler stores each state
before any work is done, and work that hosts are to do follows from the stored state alone
(`host_run.work_for`). A crash at any point is therefore repeated, never lost.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from oakum.core.planning.lane import shortened
from oakum.core.rollout import measuring
from oakum.core.rollout.ending import move
from oakum.core.rollout.gate import NAMED, judge, unheard, what_the_evidence_allows
from oakum.core.rollout.hook_run import called_off
from oakum.core.rollout.limits import choose
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.core.rollout.timing import holding, in_time, next_begin, too_late
from oakum.core.staging.check import Verdict
from oakum.core.text import first_of

MEASURED = frozenset({RunState.PENDING, RunState.SUCCEEDED})
"""States in which a host can be asked for numbers: nothing is at work on it."""


def decide(rollout: Rollout, now: datetime) -> Rollout:
    """Return the next state: the same value when nothing is to be decided now."""
    if rollout.wish is not Wish.NONE:
        return _grant(rollout, now)
    match rollout.phase:
        case Phase.WAITING:
            return _after_waiting(rollout, now)
        case Phase.PROGRESSING:
            return _progress(rollout, now)
        case Phase.ROLLING_BACK:
            return _roll_back(rollout, now)
        case Phase.ABORTING:
            return _abort(rollout, now)
        case Phase.PAUSED | Phase.SUCCEEDED | Phase.ABORTED | Phase.ROLLED_BACK | Phase.NEEDS_HELP:
            return rollout


def settle(rollout: Rollout, now: datetime) -> Rollout:
    """Decide until nothing changes any more."""
    while (following := decide(rollout, now)) != rollout:
        rollout = following
    return rollout


def _grant(rollout: Rollout, now: datetime) -> Rollout:
    granted = replace(rollout, wish=Wish.NONE)
    match rollout.wish:
        case Wish.PAUSE if rollout.phase in {Phase.WAITING, Phase.PROGRESSING}:
            return _pause(granted, "paused by a person", now)
        case Wish.RESUME if rollout.phase is Phase.PAUSED:
            known = tuple(run.id for run in unheard(rollout))
            resumed = replace(
                granted,
                phase=Phase.PROGRESSING if rollout.soak_until is None else Phase.WAITING,
                reason=_resumed(rollout),
                forgiven=len(known),
                forgiven_runs=known,
                measuring=replace(rollout.measuring, is_forgiven=True),
            )
            asked_anew = (replace(run, unasked=None) for run in rollout.runs if run.unasked)
            return _with_runs(resumed, (*asked_anew, *_left_out(resumed, now)))
        case Wish.ABORT if not rollout.phase.is_final and rollout.phase is not Phase.ROLLING_BACK:
            aborting = replace(granted, phase=Phase.ABORTING, reason="aborted by a person")
            return _with_runs(aborting, _skipped(rollout, now))
        case Wish.ROLL_BACK if rollout.phase is not Phase.ROLLING_BACK:
            return _begin_rollback(granted, "asked for by a person", now)
        case Wish.NONE | Wish.PAUSE | Wish.RESUME | Wish.ABORT | Wish.ROLL_BACK:
            return granted


def _resumed(rollout: Rollout) -> str:
    """Say what goes on: a soak ends when it would have, for hosts were in use in the pause too."""
    if rollout.soak_until is None:
        return "resumed by a person"
    ring = rollout.rings[rollout.ring].name
    return f"resumed by a person; {ring} soaks until {_shown(rollout.soak_until)}"


def _after_waiting(rollout: Rollout, now: datetime) -> Rollout:
    if rollout.soak_until is not None and now < rollout.soak_until:
        return _soak(rollout, rollout.soak_until, now)
    if rollout.soak_until is not None:
        return _judge_again(rollout, now)
    if not rollout.window.contains(now):
        return _outside_window(rollout, now)
    pending = _pending(rollout)
    if pending and not in_time(pending, rollout, now):
        return _between_openings(rollout, pending, now)
    return replace(rollout, phase=Phase.PROGRESSING, reason="window is open")


def _judge_again(rollout: Rollout, now: datetime) -> Rollout:
    """Verify the ring once more at the end of its soak: trouble may take time to show."""
    soaked = replace(
        _with_round_closed(rollout, is_after=True, is_cut_short=True),
        phase=Phase.PROGRESSING,
        soak_until=None,
        soaked=True,
        reason="soak is over",
    )
    return _with_runs(
        soaked,
        (
            move(run, RunState.VERIFYING, "verified again after the soak", now)
            for run in soaked.in_ring(rollout.ring)
            if run.state is RunState.SUCCEEDED
        ),
    )


def _soak(rollout: Rollout, until: datetime, now: datetime) -> Rollout:
    """Measure changed hosts against unchanged ones while the ring soaks, and stop in its middle."""
    if rollout.measurement is None or rollout.measuring.ring != rollout.ring:
        return rollout
    ring = rollout.rings[rollout.ring]
    interval = measuring.soak_interval(rollout.measurement, ring.soak_seconds)
    after = _measure(rollout, interval, now, is_after=True)
    if after is rollout:
        return rollout
    gate = judge(after)
    if gate.verdict is Verdict.FAILED:
        return _begin_rollback(after, f"gate failed: {gate.detail}", now)
    reason = f"{ring.name} soaks until {_shown(until)}; {what_the_evidence_allows(after)}"
    return replace(after, reason=reason)


def _measure_before(rollout: Rollout, now: datetime) -> Rollout | None:
    """Measure a ring before it is changed; None when that is done, or when nothing is measured."""
    wanted, state = rollout.measurement, rollout.measuring
    if wanted is None:
        return None
    if state.ring != rollout.ring:
        members = [
            measuring.Member(run.host, run.ring, run.state is RunState.PENDING)
            for run in rollout.runs
        ]
        paired = measuring.pair_up(wanted, rollout.ring, members, state)
        return replace(rollout, measuring=paired)
    if not state.pairs or (state.rounds_before >= wanted.rounds_before and not state.is_open):
        return None
    after = _measure(rollout, timedelta(seconds=wanted.interval_seconds), now, is_after=False)
    done = f"{after.measuring.rounds_before} of {wanted.rounds_before}"
    ring = rollout.rings[rollout.ring].name
    return replace(after, reason=f"{ring} is measured before it is changed: {done}")


def _measure(rollout: Rollout, interval: timedelta, now: datetime, *, is_after: bool) -> Rollout:
    """Return the rollout with a round asked or counted, or as it is while one is waited for."""
    state = rollout.measuring
    if not state.pairs:
        return rollout
    if state.is_open:
        is_late = now >= (state.asked_at or now) + measuring.ROUND_PATIENCE
        if is_late or not any(run.is_to_answer for run in rollout.runs):
            return _with_round_closed(rollout, is_after=is_after)
        return rollout
    if not measuring.is_due(state, interval, now):
        return rollout
    after = measuring.opened(state, now)
    asked = measuring.asked_hosts(state)
    return _with_runs(
        replace(rollout, measuring=after),
        (
            replace(run, asked_round=after.round, sample=None)
            for run in rollout.runs
            if run.host in asked and run.state in MEASURED
        ),
    )


def _with_round_closed(rollout: Rollout, *, is_after: bool, is_cut_short: bool = False) -> Rollout:
    """Count the open round, if there is one; answers that are still to come are not waited for.

    They are missing, unless the round was cut short: then nobody was given the time.
    """
    if not rollout.measuring.is_open or rollout.measurement is None:
        return rollout
    asked = [run for run in rollout.runs if run.asked_round]
    samples = {
        run.host: run.sample for run in asked if run.sample is not None and not run.is_to_answer
    }
    after = measuring.closed(
        rollout.measuring,
        rollout.measurement,
        samples,
        frozenset(run.host for run in asked if not (is_cut_short and run.is_to_answer)),
        is_after=is_after,
    )
    return _with_runs(
        replace(rollout, measuring=after),
        (replace(run, asked_round=0, sample=None) for run in asked),
    )


def _progress(rollout: Rollout, now: datetime) -> Rollout:
    gate = judge(rollout)
    match gate.verdict:
        case Verdict.FAILED:
            return _begin_rollback(rollout, f"gate failed: {gate.detail}", now)
        case Verdict.INCONCLUSIVE:
            return _pause(rollout, f"gate inconclusive: {gate.detail}", now)
        case Verdict.ERROR:
            return _pause(rollout, f"the gate could not be judged: {gate.detail}", now)
        case Verdict.PASSED:
            pass
    if fault := lasting_fault(rollout):
        return _pause(rollout, fault, now)
    if all(run.state.is_final for run in rollout.in_ring(rollout.ring)):
        return _after_ring(rollout, what_the_evidence_allows(rollout), now)
    return _start_hosts(rollout, now)


def _pause(rollout: Rollout, reason: str, now: datetime) -> Rollout:
    """Pause: transactions that run end, and a host of which nothing but questions was asked waits.

    Else it would go on to its transaction by itself, though nothing is to begin.
    """
    ring = f"waits for {rollout.rings[rollout.ring].name}"
    paused = replace(rollout, phase=Phase.PAUSED, reason=reason)
    return _with_runs(
        paused,
        (
            replace(move(run, RunState.PENDING, ring, now), started_at=None)
            for run in rollout.runs
            if run.state is RunState.CHECKING
        ),
    )


def lasting_fault(rollout: Rollout) -> str:
    """Return what keeps the driving machine from asking hosts, in words; empty: nothing for long.

    An abort or a roll-back does not pause for it, and waits until a person has mended it.
    """
    runs = [run for run in rollout.runs if run.unasked and run.unasked.is_lasting]
    if not runs:
        return ""
    reasons = [*dict.fromkeys(run.unasked.reason for run in runs if run.unasked)]
    return (
        f"hosts cannot be asked, by a fault of the machine that drives them ({_named(runs)}): "
        f"{first_of(reasons, NAMED, '; ')}"
    )


def _after_ring(rollout: Rollout, evidence: str, now: datetime) -> Rollout:
    ring = rollout.rings[rollout.ring]
    if ring.soak_seconds > 0 and not rollout.soaked:
        until = now + timedelta(seconds=ring.soak_seconds)
        less = f" ({said})" if (said := shortened(ring)) else ""
        reason = f"{ring.name} soaks until {_shown(until)}{less}; {evidence}"
        return replace(rollout, phase=Phase.WAITING, soak_until=until, reason=reason)
    if rollout.ring + 1 < len(rollout.rings):
        following = rollout.rings[rollout.ring + 1].name
        return replace(
            rollout,
            ring=rollout.ring + 1,
            soaked=False,
            reason=f"gate after {ring.name} passed ({evidence}); {following} begins",
        )
    return replace(rollout, phase=Phase.SUCCEEDED, reason=evidence, ended_at=now)


def _start_hosts(rollout: Rollout, now: datetime) -> Rollout:
    pending = _pending(rollout)
    if pending and not rollout.window.contains(now):
        return _outside_window(rollout, now)
    timely = in_time(pending, rollout, now)
    if pending and not timely:
        return _between_openings(rollout, pending, now)
    measured = _measure_before(rollout, now) if pending else None
    if measured is not None:
        return measured
    busy = sum(run.state.is_busy for run in rollout.runs)
    room = max(0, rollout.concurrency - busy)
    chosen = choose(rollout.runs, timely, rollout.groups, room)
    if timely and not chosen and not busy:
        reason = f"{_held_up(timely)}; resume to go on without them"
        return replace(rollout, phase=Phase.PAUSED, reason=reason)
    ring = rollout.rings[rollout.ring].name
    started = (move(run, RunState.CHECKING, f"{ring} begins", now) for run in chosen)
    return _with_runs(rollout, started)


def _pending(rollout: Rollout) -> list[HostRun]:
    return [run for run in rollout.in_ring(rollout.ring) if run.state is RunState.PENDING]


def _left_out(rollout: Rollout, now: datetime) -> list[HostRun]:
    """Skip hosts of the ring that nothing but a person can help: who resumes goes on without them.

    Those whose windows are over, and those that only what is down holds up.
    """
    pending = _pending(rollout)
    late = too_late(pending, rollout, now)
    over = {run.host for run in late}
    others = in_time((run for run in pending if run.host not in over), rollout, now)
    is_held = not any(run.state.is_busy for run in rollout.runs) and not choose(
        rollout.runs, others, rollout.groups, rollout.concurrency
    )
    who = "left out by the person who resumed"
    return [
        *(move(run, RunState.SKIPPED, f"{who}: no window opens any more", now) for run in late),
        *(
            move(run, RunState.SKIPPED, f"{who}: too much of its group is down", now)
            for run in others
            if is_held
        ),
    ]


def _between_openings(rollout: Rollout, pending: list[HostRun], now: datetime) -> Rollout:
    """Wait for the next maintenance window of the ring's hosts; a person has to know of none."""
    if any(run.state.is_busy for run in rollout.runs):
        return rollout
    following, freeze = next_begin(pending, rollout, now), holding(pending, rollout, now)
    why = f"frozen ({freeze.reason}), " if freeze else ""
    if following is None or rollout.window.is_over(following):
        names = _named(pending)
        reason = f"{why}no window opens any more for {names}; resume to go on without them"
        return replace(rollout, phase=Phase.PAUSED, reason=reason)
    ring = rollout.rings[rollout.ring].name
    what = f"{ring} may begin" if freeze else f"the next maintenance window of {ring} opens"
    reason = f"{why}{what} at {_shown(following)}"
    return replace(rollout, phase=Phase.WAITING, reason=reason)


def _held_up(pending: list[HostRun]) -> str:
    """Say why nothing begins though nothing is at work: what is down takes up the limits."""
    return f"too much of their groups is down for these to begin: {_named(pending)}"


def _named(runs: list[HostRun]) -> str:
    return first_of([run.host for run in runs], NAMED)


def _outside_window(rollout: Rollout, now: datetime) -> Rollout:
    """Wait for the window; one that is over never opens again, and a person has to know."""
    if any(run.state.is_busy for run in rollout.runs):
        return rollout  # what runs is let to end; nothing new begins
    if rollout.window.is_over(now):
        left = sum(run.state is RunState.PENDING for run in rollout.runs)
        reason = (
            f"the window closed at {_shown(rollout.closes_at)}; {left} hosts were not begun, and "
            "none of them begins any more: abort it, and create a plan for them"
        )
        return replace(rollout, phase=Phase.PAUSED, reason=reason)
    reason = f"the window opens at {_shown(rollout.opens_at)}"
    return replace(rollout, phase=Phase.WAITING, reason=reason)


def _shown(moment: datetime | None) -> str:
    return "any time" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _begin_rollback(rollout: Rollout, reason: str, now: datetime) -> Rollout:
    begun = replace(
        rollout, phase=Phase.ROLLING_BACK, reason=reason, soak_until=None, ended_at=None
    )
    return _with_runs(begun, _skipped(rollout, now))


def _roll_back(rollout: Rollout, now: datetime) -> Rollout:
    """Put back every changed host; one that is still at work ends its transaction first."""
    scope = set(rollout.rollback_scope) or {run.host for run in rollout.runs}
    inside = [run for run in rollout.runs if run.host in scope]
    waiting = [run for run in inside if run.state.is_final and run.may_have_changed]
    busy = sum(run.state.is_busy for run in rollout.runs)
    if not waiting and not busy:
        return _end_rollback(rollout, inside, now)
    chosen = choose(rollout.runs, waiting, rollout.groups, max(0, rollout.concurrency - busy))
    if not chosen and not busy:
        reason = f"not put back: {_held_up(waiting)}"
        return replace(rollout, phase=Phase.NEEDS_HELP, reason=reason, ended_at=now)
    return _with_runs(
        rollout, (move(run, RunState.ROLLING_BACK, rollout.reason, now) for run in chosen)
    )


def _end_rollback(rollout: Rollout, inside: list[HostRun], now: datetime) -> Rollout:
    stuck = [run for run in inside if run.state is RunState.ROLLBACK_FAILED]
    if stuck:
        names = "; ".join(f"{run.host}: {run.reason}" for run in stuck)
        reason = f"could not be put back: {names}"
        return replace(rollout, phase=Phase.NEEDS_HELP, reason=reason, ended_at=now)
    return replace(rollout, phase=Phase.ROLLED_BACK, ended_at=now)


def _abort(rollout: Rollout, now: datetime) -> Rollout:
    if any(run.state.is_busy for run in rollout.runs):
        return rollout
    ended = replace(rollout, phase=Phase.ABORTED, ended_at=now)
    return _with_runs(ended, _skipped(rollout, now))


def _skipped(rollout: Rollout, now: datetime) -> Iterator[HostRun]:
    """Skip what was not changed: where hooks were run before the change, they are undone."""
    for run in rollout.runs:
        if run.state in {RunState.PENDING, RunState.CHECKING}:
            reason = "the rollout ended before it was this host's turn"
            yield move(run, RunState.SKIPPED, reason, now)
        elif run.state is RunState.BEFORE_HOOKS and run.ending is None:
            yield called_off(run, "the rollout ended before this host was changed", now)


def _with_runs(rollout: Rollout, changed: Iterable[HostRun]) -> Rollout:
    by_host = {run.host: run for run in changed}
    if not by_host:
        return rollout
    return replace(rollout, runs=tuple(by_host.get(run.host, run) for run in rollout.runs))
