"""The gate: the answer, at every step, whether more hosts may be changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from oakum.core.ids import HostRunId
from oakum.core.planning.plan import MILLION
from oakum.core.rollout import measuring
from oakum.core.rollout.evidence import STOP, e_value, failures_that_stop, upper_bound
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import RunState
from oakum.core.staging.check import Verdict
from oakum.core.text import counted, first_of

FIRST_RINGS = 2
"""Rings in which one hard signal stops: few hosts stand in them, and each for many."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """The answer, and why in a line for people; empty when it passed."""

    verdict: Verdict
    detail: str


def judge(rollout: Rollout) -> GateAnswer:
    """Judge what has happened so far, while hosts are still at work.

    A host that was changed and is not well speaks against the plan. A host that refused, or
    could not be reached before it was changed, or could not be asked how it fares, says nothing
    about it: a person decides. ERROR when there is nothing to judge by.
    """
    if not 0 < rollout.base_rate_ppm < MILLION:
        return GateAnswer(Verdict.ERROR, f"a base rate of {rollout.base_rate_ppm} in a million")
    states = [run.outcome for run in rollout.runs]
    if failed := _failed(rollout.runs, states):
        answer = _against(rollout, failed, states)
        if answer is not None:
            return answer
    return _metrics(rollout) or _silence(rollout, failed, states) or GateAnswer(Verdict.PASSED, "")


def _metrics(rollout: Rollout) -> GateAnswer | None:
    """Return FAILED when changed hosts got worse, INCONCLUSIVE when what is required is not there.

    Numbers from before the change are asked for before a ring begins, and the others when it has
    soaked: until then they may still come.
    """
    now, wanted = rollout.measuring, rollout.measurement
    if wanted is None or now.ring != rollout.ring:
        return None
    if measuring.is_worse(now):
        words = measuring.in_words(now)
        return GateAnswer(Verdict.FAILED, f"changed hosts are worse than unchanged ones: {words}")
    required = [metric.name for metric in wanted.metrics if metric.is_required]
    is_before = not rollout.soaked and now.rounds_before >= wanted.rounds_before
    if not required or now.is_forgiven or not (rollout.soaked or is_before):
        return None
    missing = measuring.lacking(now, required, is_after=rollout.soaked)
    if not missing:
        return None
    when = "after" if rollout.soaked else "before"
    return GateAnswer(
        Verdict.INCONCLUSIVE, f"too few numbers from {when} the change: {'; '.join(missing)}"
    )


def _against(rollout: Rollout, failed: list[HostRun], states: list[RunState]) -> GateAnswer | None:
    """Return FAILED when hard signals, the declared budget or the evidence say so."""
    hard = [run for run in failed if run.signals and run.ring < FIRST_RINGS]
    if hard:
        names = ", ".join(sorted({signal.value for run in hard for signal in run.signals}))
        return GateAnswer(Verdict.FAILED, f"{names}, which stops at once: {_named(hard)}")
    if spent := _spent(rollout, failed):
        return GateAnswer(Verdict.FAILED, f"{_named(failed)} ({spent})")
    if e_value(len(failed), _changed(states), rollout.base_rate_ppm / MILLION) >= STOP:
        line = what_the_evidence_allows(rollout)
        return GateAnswer(Verdict.FAILED, f"{line}; {_named(failed)}")
    return None


def _spent(rollout: Rollout, runs: Sequence[HostRun]) -> str:
    """Return the declared budget that so many hosts exceed, the rollout's or a ring's; or ""."""
    if len(runs) > rollout.max_failed:
        return f"budget {rollout.max_failed}"
    for number, ring in enumerate(rollout.rings):
        of_ring = sum(run.ring == number for run in runs)
        if ring.max_failed is not None and of_ring > ring.max_failed:
            return f"budget of {ring.name}: {ring.max_failed}"
    return ""


def _silence(rollout: Rollout, failed: list[HostRun], states: list[RunState]) -> GateAnswer | None:
    """Return INCONCLUSIVE when hosts said too little, beyond what a person knows of."""
    refused = [
        *_all_in(RunState.REFUSED, rollout.runs, states),
        *(run for run in _put_back(rollout.runs, states) if _says_nothing(run)),
    ]
    unknown = [run for run in rollout.runs if run.checks_after and run.is_unknown]
    out = [run for run in rollout.runs if run.hooks and run.stays_out]
    if not (refused or unknown or out):
        return None
    known = _forgiven(rollout)
    refused, unknown, out = (
        [run for run in runs if run.id not in known] for runs in (refused, unknown, out)
    )
    if out:
        return GateAnswer(Verdict.INCONCLUSIVE, f"not put back as hooks found them: {_named(out)}")
    if unknown:
        return GateAnswer(
            Verdict.INCONCLUSIVE,
            f"health could not be asked, and so no evidence: {_named(unknown)}",
        )
    if not refused:
        return None
    if spent := _spent(rollout, [*failed, *refused]):
        return GateAnswer(
            Verdict.INCONCLUSIVE, f"not changed, and so no evidence: {_named(refused)} ({spent})"
        )
    ring = [run.outcome for run in rollout.in_ring(rollout.ring)]
    if ring and all(state is RunState.REFUSED or state is RunState.ROLLED_BACK for state in ring):
        return GateAnswer(
            Verdict.INCONCLUSIVE,
            f"no host of the ring was changed, and so no evidence: {_named(refused)}",
        )
    return None


def unheard(rollout: Rollout) -> list[HostRun]:
    """Return the hosts that say nothing about the change: a person who resumes forgives them."""
    return [
        run
        for run in rollout.runs
        if run.outcome is RunState.REFUSED or run.is_unknown or run.stays_out or _says_nothing(run)
    ]


def _forgiven(rollout: Rollout) -> frozenset[HostRunId]:
    """Return whom a person knew of when resuming.

    Where an older Oakum counted them only, they are those that came to their end first.
    """
    if rollout.forgiven_runs or not rollout.forgiven:
        return frozenset(rollout.forgiven_runs)
    first = sorted(unheard(rollout), key=lambda run: run.ended_at or rollout.started_at)
    return frozenset(run.id for run in first[: rollout.forgiven])


def what_the_evidence_allows(rollout: Rollout) -> str:
    """Say how bad the change may still be: `0 of 10 failed: the true rate may still be 26 %`.

    Hosts that are still at work count for E as if they will be well. So E is never larger than
    when all have answered, and its promise holds though failures are often seen first.
    """
    metrics = measuring.in_words(rollout.measuring)
    return "; ".join(filter(None, (_what_hosts_allow(rollout), metrics)))


def _what_hosts_allow(rollout: Rollout) -> str:
    states = [run.outcome for run in rollout.runs]
    good, bad = states.count(RunState.SUCCEEDED), len(_failed(rollout.runs, states))
    if not good + bad:
        return "0 of 0 failed"
    line = f"{bad} of {good + bad} failed"
    bound = f"the true rate may still be {_percent(upper_bound(bad, good + bad))} %"
    if not bad:
        return f"{line}: {bound}"
    changed, base = _changed(states), rollout.base_rate_ppm / MILLION
    stop = failures_that_stop(changed, base)
    limit = "none stops" if stop is None else f"{counted(stop, 'failure')} stop"
    return (
        f"{line}: {bound}; E = {e_value(bad, changed, base):.3g} against {100 * base:g} %, "
        f"of {changed} changed {limit}"
    )


def _percent(share: float) -> str:
    """Return a share in percent; below one with its first digit, for no bound is `0 %`."""
    percent = 100 * share
    return f"{percent:.0f}" if percent >= 1 else f"{percent:.1g}"


def _changed(states: list[RunState]) -> int:
    return sum(
        states.count(state) for state in RunState if state.may_have_changed or state.is_put_back
    )


def _failed(runs: Sequence[HostRun], states: list[RunState]) -> list[HostRun]:
    """Return the runs that speak against the plan.

    Before a rollout turns back, only a host that was lost is put back: by itself, or for that.
    """
    put_back = [run for run in _put_back(runs, states) if not _says_nothing(run)]
    return [*_all_in(RunState.FAILED, runs, states), *put_back]


def _put_back(runs: Sequence[HostRun], states: list[RunState]) -> list[HostRun]:
    if not any(states.count(state) for state in RunState if state.is_put_back):
        return []
    return [run for run in runs if run.outcome.is_put_back]


def _says_nothing(run: HostRun) -> bool:
    """Tell whether a host went back only because no controller was there to confirm it."""
    put_back = run.outcome.is_put_back and run.outcome is not RunState.ROLLBACK_FAILED
    return put_back and not run.signals


def _all_in(state: RunState, runs: Sequence[HostRun], states: list[RunState]) -> list[HostRun]:
    """Return the runs in a state; the list of states is counted first, for most have none."""
    if not states.count(state):
        return []
    return [run for run in runs if run.outcome is state]


def _named(runs: list[HostRun]) -> str:
    return first_of([f"{run.host}: {run.reason}" for run in runs], NAMED, "; ")
