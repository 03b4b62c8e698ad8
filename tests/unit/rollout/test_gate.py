"""What the gate answers: passed, failed, error or inconclusive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from oakum.core.ids import Digest, HostId, HostRunId, PlanId, RolloutId, TransactionId
from oakum.core.planning.hook import HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.plan import Group, GroupKind
from oakum.core.rollout.decide import settle
from oakum.core.rollout.gate import judge, what_the_evidence_allows
from oakum.core.rollout.hooks import Execution, HookRun, HookState
from oakum.core.rollout.host_run import PATIENCE, advance
from oakum.core.rollout.limits import choose
from oakum.core.rollout.observation import Unreachable
from oakum.core.rollout.rollout import Ending, HostRun, Rollout, RolloutRing
from oakum.core.rollout.state import HardSignal, Phase, RunState, Wish
from oakum.core.staging.check import CheckResult, Verdict

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
GOOD, BAD, BUSY, WAITS = (
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.UPGRADING,
    RunState.PENDING,
)


def run(number: int, state: RunState, ring: int = 0) -> HostRun:
    name = f"h{number}"
    undo = TransactionId(f"undo-{name}")
    return HostRun(
        HostRunId(name), HostId(name), ring, state, "said why", TransactionId(name), undo
    )


def rollout(*states: RunState, max_failed: int = 100, ring: int = 0) -> Rollout:
    return Rollout(
        id=RolloutId("rollout-1"),
        plan=PlanId("plan-1"),
        plan_digest=Digest("ab" * 32),
        phase=Phase.PROGRESSING,
        reason="",
        ring=ring,
        rings=tuple(RolloutRing(f"ring {n + 1}", 0) for n in range(3)),
        runs=tuple(run(number, state, ring) for number, state in enumerate(states)),
        concurrency=10,
        max_failed=max_failed,
        opens_at=None,
        closes_at=None,
        started_by="tester",
        started_at=NOW,
    )


def test_the_evidence_stops_what_the_budget_would_bear() -> None:
    """Three of ten against a base rate of 1 % are no chance, whatever was declared."""
    assert judge(rollout(*[GOOD] * 8, BAD, BAD)).verdict is Verdict.PASSED
    stopped = judge(rollout(*[GOOD] * 7, BAD, BAD, BAD))
    assert stopped.verdict is Verdict.FAILED
    assert "of 10 changed 3 failures stop" in stopped.detail


def test_the_declared_budget_stops_what_the_evidence_would_bear() -> None:
    """One failure of a hundred is chance, and still more than was allowed."""
    assert judge(rollout(*[GOOD] * 99, BAD, max_failed=0)).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("state", "verdict"), [(BAD, Verdict.FAILED), (RunState.REFUSED, Verdict.INCONCLUSIVE)]
)
def test_the_budget_of_a_ring_stops_what_the_rollout_would_bear(
    state: RunState, verdict: Verdict
) -> None:
    """One of a hundred in each of two rings: the second bears none, refused ones counted."""
    found = rollout(*[GOOD] * 99, state, *[GOOD] * 99, state)
    runs = tuple(replace(run, ring=number // 100) for number, run in enumerate(found.runs))
    assert judge(replace(found, runs=runs, ring=1)).verdict is Verdict.PASSED
    rings = (RolloutRing("ring 1", 0, max_failed=1), RolloutRing("ring 2", 0, max_failed=0))
    stopped = judge(replace(found, runs=runs, ring=1, rings=rings))
    assert (stopped.verdict, "(budget of ring 2: 0)" in stopped.detail) == (verdict, True)


def test_the_gate_stops_while_hosts_are_at_work() -> None:
    """Nothing new begins once the evidence is there, though the ring has not ended."""
    going = rollout(*[GOOD] * 4, BAD, BAD, BAD, BUSY, *[WAITS] * 20)
    after = settle(going, NOW)
    assert after.phase is Phase.ROLLING_BACK
    assert not any(found.state is RunState.CHECKING for found in after.runs)


def test_hosts_at_work_count_as_well_until_they_answer() -> None:
    """A failure that is seen first is not taken for all: nine others are still at work."""
    assert judge(rollout(BAD)).verdict is Verdict.FAILED
    assert judge(rollout(BAD, *[BUSY] * 9)).verdict is Verdict.PASSED


@pytest.mark.parametrize("signal", HardSignal)
@pytest.mark.parametrize(
    ("ring", "verdict"), [(0, Verdict.FAILED), (1, Verdict.FAILED), (2, Verdict.PASSED)]
)
def test_a_hard_signal_stops_the_first_rings_at_once(
    signal: HardSignal, ring: int, verdict: Verdict
) -> None:
    """One host that lost its unit, its packages or its voice is enough in the first two rings."""
    going = rollout(*[GOOD] * 99, BAD, ring=ring)
    hard = replace(going.runs[-1], signals=(signal,))
    assert judge(going).verdict is Verdict.PASSED
    answer = judge(replace(going, runs=(*going.runs[:-1], hard)))
    assert answer.verdict is verdict
    assert (signal.value in answer.detail) is (verdict is Verdict.FAILED)


def test_silence_after_the_change_is_a_hard_signal() -> None:
    """A host that stays unreachable once it was changed says so by its silence."""
    silent = advance(
        replace(run(1, BUSY), silent_since=NOW - PATIENCE), Unreachable("timed out"), NOW
    )
    assert (silent.state, silent.signals) == (BAD, (HardSignal.UNREACHABLE,))


def unasked(number: int) -> HostRun:
    result = CheckResult("http", Verdict.ERROR, "could not be asked", 0)
    return replace(run(number, GOOD), checks_after=(result,))


def test_missing_health_is_inconclusive_until_a_person_resumes() -> None:
    """A check that could not be asked is not a good answer; who resumes has seen it."""
    going = replace(rollout(), runs=(unasked(0), run(1, WAITS)))
    paused = settle(going, NOW)
    assert paused.phase is Phase.PAUSED
    assert "could not be asked" in paused.reason
    resumed = settle(replace(paused, wish=Wish.RESUME), NOW)
    assert (resumed.phase, resumed.runs[1].state) == (Phase.PROGRESSING, RunState.CHECKING)


@pytest.mark.parametrize(
    ("before", "after", "is_told"),
    [
        (Verdict.ERROR, Verdict.FAILED, False),
        (Verdict.INCONCLUSIVE, Verdict.FAILED, False),
        (Verdict.ERROR, Verdict.PASSED, True),
        (Verdict.FAILED, Verdict.FAILED, True),
    ],
)
def test_a_check_that_nobody_could_ask_before_excuses_nothing(
    before: Verdict,
    after: Verdict,
    is_told: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """It does not pass now, and whether the change did that is not known: no data is not good."""
    found = replace(
        run(0, GOOD),
        checks_before=(CheckResult("http", before, "", 0),),
        checks_after=(CheckResult("http", after, "", 0),),
    )
    assert found.is_unknown is not is_told
    paused = settle(replace(rollout(), runs=(found, run(1, WAITS))), NOW)
    assert (paused.phase is Phase.PAUSED) is not is_told


def test_a_ring_of_which_no_host_was_changed_is_inconclusive() -> None:
    """The budget may bear a refused host; a ring of nothing else proved nothing."""
    assert judge(rollout(RunState.REFUSED)).verdict is Verdict.INCONCLUSIVE
    assert judge(rollout(RunState.REFUSED, GOOD)).verdict is Verdict.PASSED


@pytest.mark.parametrize("ppm", [0, -1, 1_000_000])
def test_a_gate_that_cannot_be_computed_is_an_error_and_pauses(ppm: int) -> None:
    """Without a base rate nothing can be judged, and nothing begins."""
    going = replace(rollout(GOOD, WAITS), base_rate_ppm=ppm)
    assert judge(going).verdict is Verdict.ERROR
    after = settle(going, NOW)
    assert (after.phase, after.runs) == (Phase.PAUSED, going.runs)
    assert "could not be judged" in after.reason


def test_the_line_with_failures_says_how_far_it_is_from_stopping() -> None:
    """Rate, evidence and limit stand in one line."""
    line = what_the_evidence_allows(rollout(*[GOOD] * 29, BAD))
    assert line == (
        "1 of 30 failed: the true rate may still be 15 %; "
        "E = 0.223 against 1 %, of 30 changed 4 failures stop"
    )


def test_no_bound_is_said_to_be_nothing() -> None:
    """Of a thousand good hosts follows little, and not that none can fail."""
    line = what_the_evidence_allows(rollout(*[GOOD] * 1000))
    assert line == "0 of 1000 failed: the true rate may still be 0.3 %"


HA = Group(GroupKind.AVAILABILITY, "db", 1, (HostId("h0"), HostId("h1")))
RACKS = (
    Group(GroupKind.DOMAIN, "rack-a", 1, (HostId("h0"), HostId("h1"))),
    Group(GroupKind.DOMAIN, "rack-b", 1, (HostId("h2"),)),
)


def begun(states: tuple[RunState, ...], groups: tuple[Group, ...]) -> list[str]:
    runs = [run(number, state) for number, state in enumerate(states)]
    waiting = [found for found in runs if found.state is WAITS]
    return [found.host for found in choose(runs, waiting, groups, 10)]


@pytest.mark.parametrize(
    ("states", "groups", "expected"),
    [
        ((WAITS, WAITS, WAITS), (HA,), ["h0", "h2"]),
        ((BUSY, WAITS, WAITS), (HA,), ["h2"]),
        ((BAD, WAITS, WAITS), (HA,), ["h2"]),
        ((GOOD, WAITS, WAITS), (HA,), ["h1", "h2"]),
        ((WAITS, WAITS, WAITS), RACKS, ["h0", "h1"]),
        ((GOOD, BUSY, WAITS), RACKS, []),
        ((GOOD, GOOD, WAITS), RACKS, ["h2"]),
    ],
)
def test_groups_bear_only_so_many(
    states: tuple[RunState, ...], groups: tuple[Group, ...], expected: list[str]
) -> None:
    """One of a pair, one rack at a time; a host that is down takes its pair's place."""
    assert begun(states, groups) == expected


def test_a_partner_of_a_host_that_is_down_waits_for_a_person() -> None:
    """Nothing would ever begin by itself, so the rollout pauses and says why."""
    going = replace(rollout(BAD, WAITS, *[GOOD] * 98), groups=(HA,))
    after = settle(going, NOW)
    assert (after.phase, after.runs) == (Phase.PAUSED, going.runs)
    assert "groups is down" in after.reason


def test_both_of_a_pair_that_failed_are_mended_one_after_the_other() -> None:
    """Going back is repair: a host that is down waits for no other that is down."""
    both = replace(rollout(BAD, BAD, max_failed=0), groups=(HA,))
    first = settle(both, NOW)
    assert [found.state for found in first.runs] == [RunState.ROLLING_BACK, BAD]
    mended = replace(first.runs[0], state=RunState.ROLLED_BACK)
    second = settle(replace(first, runs=(mended, first.runs[1])), NOW + timedelta(minutes=1))
    assert second.runs[1].state is RunState.ROLLING_BACK


def test_a_roll_back_that_would_take_a_pair_down_needs_help() -> None:
    """With one of a pair lost, the other stays as it is, and the rollout says so and ends."""
    lost = replace(rollout(RunState.ROLLBACK_FAILED, GOOD), groups=(HA,), phase=Phase.ROLLING_BACK)
    after = settle(lost, NOW)
    assert (after.phase, after.runs[1].state) == (Phase.NEEDS_HELP, GOOD)
    assert "h1" in after.reason


def hooked(number: int, state: RunState, undone: HookState) -> HostRun:
    """Return a host that a hook took out of service, and its undo did not put back."""
    drain = HookRun(
        "drain", HookKind.DRAIN, HookMoment.BEFORE, HookPlace.CONTROLLER,
        must_pass=True, timeout_seconds=60, undo_when=UndoWhen.WELL,
        done=Execution(HookState.PASSED), undone=Execution(undone),
    )  # fmt: skip
    return replace(run(number, state), hooks=(drain,))


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.REFUSED])
def test_a_host_that_was_not_put_back_is_inconclusive_until_a_person_resumes(
    state: RunState,
) -> None:
    """Ring after ring would leave the balancer; the change itself may be good."""
    before = rollout(GOOD, GOOD, WAITS)
    out = replace(before, runs=(hooked(0, state, HookState.FAILED), *before.runs[1:]))
    answer = judge(out)
    assert answer.verdict is Verdict.INCONCLUSIVE
    assert answer.detail == "not put back as hooks found them: h0: said why"
    paused = settle(out, NOW)
    assert paused.phase is Phase.PAUSED
    resumed = settle(replace(paused, wish=Wish.RESUME), NOW)
    assert (resumed.phase, resumed.forgiven_runs) == (Phase.PROGRESSING, ("h0",))
    again = replace(resumed, runs=(*resumed.runs[:1], hooked(1, GOOD, HookState.TIMED_OUT)))
    assert judge(again).verdict is Verdict.INCONCLUSIVE
    back = replace(before, runs=(hooked(0, GOOD, HookState.PASSED), *before.runs[1:]))
    assert judge(back).verdict is Verdict.PASSED


def resumed_without(*silent: HostRun, max_failed: int, others: int = 4) -> Rollout:
    """Return a rollout that a person resumed though these hosts said nothing."""
    before = rollout(*[WAITS] * (len(silent) + others), max_failed=max_failed)
    paused = settle(replace(before, runs=(*silent, *before.runs[len(silent) :])), NOW)
    assert paused.phase is Phase.PAUSED
    return settle(replace(paused, wish=Wish.RESUME), NOW)


def with_run(before: Rollout, number: int, now: HostRun) -> Rollout:
    """Return the rollout with another state of one of its hosts."""
    return replace(before, runs=(*before.runs[:number], now, *before.runs[number + 1 :]))


def test_whom_a_person_knows_of_is_not_blamed_for_another() -> None:
    """A host that refuses within the budget does not pause again for one that was forgiven."""
    resumed = resumed_without(unasked(0), max_failed=2)
    assert judge(with_run(resumed, 1, run(1, RunState.REFUSED))).verdict is Verdict.PASSED
    answer = judge(with_run(resumed, 1, unasked(1)))
    assert answer.verdict is Verdict.INCONCLUSIVE
    assert answer.detail == "health could not be asked, and so no evidence: h1: said why"


def test_forgiving_a_host_of_unknown_health_does_not_raise_the_budget_of_refusals() -> None:
    """Three refusals are more than the budget of two, whatever else a person knew of."""
    resumed = resumed_without(unasked(0), unasked(1), max_failed=2)
    for number in (2, 3):
        resumed = with_run(resumed, number, run(number, RunState.REFUSED))
    assert judge(resumed).verdict is Verdict.PASSED
    answer = judge(with_run(resumed, 4, run(4, RunState.REFUSED)))
    assert answer.verdict is Verdict.INCONCLUSIVE
    assert "h2: said why; h3: said why; h4: said why (budget 2)" in answer.detail


def test_of_a_rollout_that_an_older_oakum_resumed_the_first_to_end_are_forgiven() -> None:
    """It stored how many there were, and not who."""
    resumed = replace(resumed_without(unasked(0), max_failed=2), forgiven_runs=())
    assert resumed.forgiven == 1
    assert judge(resumed).verdict is Verdict.PASSED
    later = replace(unasked(1), ended_at=NOW + timedelta(minutes=1))
    answer = judge(with_run(resumed, 1, later))
    assert answer.detail == "health could not be asked, and so no evidence: h1: said why"


def test_a_host_that_was_not_put_back_takes_up_its_groups_limit() -> None:
    """Its partner would be the last one in service."""
    runs = (hooked(0, GOOD, HookState.FAILED), run(1, WAITS))
    assert choose(runs, runs[1:], (HA,), 5) == []
    well = (hooked(0, GOOD, HookState.PASSED), run(1, WAITS))
    assert choose(well, well[1:], (HA,), 5) == [well[1]]


def test_an_end_that_is_known_counts_before_its_hooks_are_undone() -> None:
    """What is undone may take minutes, and more hosts must not be begun in them."""
    before = rollout(GOOD, WAITS, max_failed=0)
    failing = replace(
        hooked(0, RunState.UNDOING_HOOKS, HookState.WAITING),
        ending=Ending(RunState.FAILED, "it broke"),
    )
    assert judge(replace(before, runs=(failing, before.runs[1]))).verdict is Verdict.FAILED
    rolling = settle(replace(before, runs=(failing, before.runs[1])), NOW)
    assert [r.state for r in rolling.runs] == [RunState.UNDOING_HOOKS, RunState.SKIPPED]
