"""Changed hosts against unchanged ones: measured before and after, counted once, judged in time."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.plans import NOW

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.core.ids import Digest, HostId, HostRunId, PlanId, RolloutId, TransactionId
from oakum.core.planning.metric import Measurement, Metric, MetricKind, Worse
from oakum.core.rollout.decide import settle
from oakum.core.rollout.evidence import (
    EVEN,
    Pairs,
    e_value,
    is_even,
    pairs_by_rank,
    spacing,
)
from oakum.core.rollout.gate import what_the_evidence_allows
from oakum.core.rollout.host_run import advance
from oakum.core.rollout.measuring import (
    FAR,
    Measuring,
    Member,
    Pair,
    Reading,
    Sample,
    counts,
    evidence,
    how_much_worse,
    in_words,
    pair_up,
)
from oakum.core.rollout.observation import (
    ChecksDone,
    Measured,
    Observation,
    TransactionSeen,
    Verified,
)
from oakum.core.rollout.rollout import HostRun, Rollout, RolloutRing
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.core.rollout.transaction import TransactionState, TransactionStatus

ROUNDS, INTERVAL, SOAK = 12, 30, 1200
Numbers = Callable[[HostRun, int], float | None]
"""What a host answers in a round."""


def metric(*, name: str = "latency", hosts: int = 8, is_required: bool = False) -> Metric:
    names = tuple(HostId(f"h{number}") for number in range(hosts))
    return Metric(name, MetricKind.COMMAND, "latency", Worse.HIGHER, is_required, 5, "", (names,))


def rollout(*metrics: Metric, sizes: tuple[int, ...] = (3, 5)) -> Rollout:
    rings = [ring for ring, size in enumerate(sizes) for _ in range(size)]
    return Rollout(
        id=RolloutId("rollout-1"),
        plan=PlanId("plan-1"),
        plan_digest=Digest("ab" * 32),
        phase=Phase.WAITING,
        reason="created",
        ring=0,
        rings=tuple(RolloutRing(f"ring {n + 1}", SOAK) for n in range(len(sizes))),
        runs=tuple(
            HostRun(
                HostRunId(f"h{n}"), HostId(f"h{n}"), ring, RunState.PENDING, "waits",
                TransactionId(f"h{n}"), TransactionId(f"undo-h{n}"),
            )
            for n, ring in enumerate(rings)
        ),
        concurrency=10,
        max_failed=0,
        opens_at=None,
        closes_at=None,
        started_by="tester",
        started_at=NOW,
        measurement=Measurement(metrics, INTERVAL, ROUNDS) if metrics else None,
    )  # fmt: skip


def answer(run: HostRun, numbers: Numbers) -> Observation:
    match run.state:
        case RunState.CHECKING:
            return ChecksDone((), "boot-1")
        case RunState.UPGRADING | RunState.ROLLING_BACK:
            done = TransactionStatus(TransactionState.SUCCEEDED, "self-check", "", ())
            return TransactionSeen(done, may_reboot=False)
        case RunState.VERIFYING | RunState.VERIFYING_ROLLBACK:
            return Verified(is_good=True, detail="good", results=())
        case _:
            reading = Reading("latency", numbers(run, run.asked_round), "is silent")
            return Measured(Sample(run.asked_round, (reading,)))


def play(begun: Rollout, numbers: Numbers) -> Iterator[Rollout]:
    """Give every state of a rollout, five seconds apart, until it is at rest."""
    state, now = begun, NOW
    for _ in range(5_000):
        state = settle(state, now)
        yield state
        if state.phase.is_final or state.phase is Phase.PAUSED:
            return
        now += timedelta(seconds=5)
        runs = tuple(
            advance(run, answer(run, numbers), now)
            if run.state.is_busy or run.is_to_answer
            else run
            for run in state.runs
        )
        # A stored state is what the next controller goes on with.
        state = from_document(to_document(replace(state, runs=runs)), Rollout, "a rollout")
    raise AssertionError(state.reason)


def end(begun: Rollout, numbers: Numbers) -> Rollout:
    return list(play(begun, numbers))[-1]


def noisy(seed: int, factor: float = 1.0) -> Numbers:
    """Return hosts that differ by a fifth, and a change that makes them slower by a factor."""
    chance = random.Random(seed)  # noqa: S311 (seeded, so that it can be repeated)
    own: dict[HostId, float] = {}

    def number(run: HostRun, _: int) -> float:
        base = own.setdefault(run.host, chance.lognormvariate(0, 0.2))
        worse = factor if run.state is RunState.SUCCEEDED else 1.0
        return base * worse * chance.lognormvariate(0, 0.1)

    return number


def test_a_ring_is_measured_before_it_is_changed() -> None:
    """No host begins before all rounds were counted, and the reason says how far they are."""
    seen = []
    for state in play(rollout(metric()), noisy(1)):
        if any(run.state is RunState.CHECKING for run in state.runs):
            break
        seen.append(state.reason)
    assert state.measuring.rounds_before == ROUNDS
    assert all(len(pair.before) == ROUNDS for pair in state.measuring.pairs)
    assert "ring 1 is measured before it is changed: 3 of 12" in seen


def test_hosts_that_got_slower_stop_the_rollout_in_the_middle_of_the_soak() -> None:
    """A change that doubles the latency is put back before the soak is over; others are not begun."""  # noqa: E501
    states = list(play(rollout(metric()), noisy(2, factor=2.0)))
    ended = states[-1]
    assert ended.phase is Phase.ROLLED_BACK
    assert "changed hosts are worse than unchanged ones: latency worse in " in ended.reason
    began = next(s.soak_until for s in states if s.soak_until is not None)
    stopped = next(n for n, s in enumerate(states) if s.phase is Phase.ROLLING_BACK)
    assert NOW + timedelta(seconds=5 * stopped) < began - timedelta(seconds=SOAK / 4)
    assert {run.state for run in ended.in_ring(1)} == {RunState.SKIPPED}
    assert not any(run.asked_round for run in ended.in_ring(0))


def test_hosts_that_are_as_before_go_on() -> None:
    """Hosts that were unlike before and are as unlike after it are no reason to stop."""
    ended = end(rollout(metric()), noisy(3))
    assert ended.phase is Phase.SUCCEEDED
    assert "latency: no unchanged host is left to compare with" in ended.reason
    assert "E = " in ended.reason


def test_a_rollout_without_metrics_measures_nothing() -> None:
    """Nobody is asked, and nothing waits for it."""
    ended = end(rollout(), noisy(4))
    assert ended.phase is Phase.SUCCEEDED
    assert ended.measuring == Measuring()


def silent_after(state: RunState) -> Numbers:
    return lambda run, _: None if run.state is state else 1.0


def test_what_is_required_and_silent_stops_before_anything_is_changed() -> None:
    """No numbers before the change, no change: a person decides."""
    paused = end(rollout(metric(is_required=True)), silent_after(RunState.PENDING))
    assert paused.phase is Phase.PAUSED
    assert "too few numbers from before the change: latency: 0 of 36" in paused.reason
    assert "is silent" in paused.reason
    assert {run.state for run in paused.runs} == {RunState.PENDING}
    resumed = replace(paused, wish=Wish.RESUME)
    assert end(resumed, silent_after(RunState.PENDING)).phase is Phase.SUCCEEDED


def test_what_is_required_and_falls_silent_is_no_good_data() -> None:
    """Hosts whose number is gone after the change do not pass for well."""
    paused = end(rollout(metric(is_required=True)), silent_after(RunState.SUCCEEDED))
    assert paused.phase is Phase.PAUSED
    assert "gate inconclusive: too few numbers from after the change" in paused.reason
    assert {run.state for run in paused.in_ring(1)} == {RunState.PENDING}


def test_a_round_that_the_end_of_the_soak_cuts_short_is_not_missing() -> None:
    """Who was given no time is not called silent; who answered in it counts."""
    for seen in play(rollout(metric()), noisy(8)):
        if seen.soak_until is not None and seen.measuring.is_open:
            break
    assert seen.soak_until is not None
    cut = settle(seen, seen.soak_until)
    assert cut.phase is Phase.PROGRESSING
    assert not cut.measuring.is_open
    assert sum(pair.lost for pair in cut.measuring.pairs) == 0
    assert not any(run.asked_round for run in cut.runs)


def test_what_is_not_required_may_be_silent() -> None:
    """The line says that nothing was told, and the rollout goes on."""
    ended = end(rollout(metric()), lambda *_: None)
    assert ended.phase is Phase.SUCCEEDED
    assert "latency worse in 0 of 0 pairs" in ended.reason


def test_a_host_that_never_answers_holds_nobody_up() -> None:
    """A round is closed after its time, and what came later belongs to none."""
    begun = settle(replace(rollout(metric())), NOW)
    asked = next(run for run in begun.runs if run.is_to_answer)
    later = settle(begun, NOW + timedelta(seconds=61))
    assert later.measuring.round == 2
    assert later.measuring.rounds_before == 1
    late = Measured(Sample(1, (Reading("latency", 1.0),)))
    again = next(run for run in later.runs if run.host == asked.host)
    assert advance(again, late, NOW) == again


@given(st.data())
@settings(max_examples=20)
def test_a_round_is_counted_once_whatever_is_repeated(data: st.DataObject) -> None:
    """Deciding twice, answering twice and going on from what is stored change no count."""
    state, now = rollout(metric()), NOW
    for _ in range(60):
        state = settle(state, now)
        assert settle(state, now) == state
        rounds = state.measuring.round - state.measuring.is_open
        for pair in state.measuring.pairs:
            assert len(pair.before) + len(pair.after) + pair.lost <= rounds
        now += timedelta(seconds=data.draw(st.sampled_from([1, 20, 70])))
        runs = []
        for run in state.runs:
            for _ in range(data.draw(st.integers(0, 2))):
                if run.state.is_busy or run.is_to_answer:
                    run = advance(run, answer(run, lambda *_: 1.0), now)  # noqa: PLW2901
            runs.append(run)
        state = replace(state, runs=tuple(runs))
        if state.phase.is_final:
            break


def test_each_host_is_in_one_pair_and_pairs_are_of_one_kind() -> None:
    """Changed hosts are of the ring, the others of later ones, and both are changed alike."""
    kinds = (tuple(HostId(f"a{n}") for n in range(6)), tuple(HostId(f"b{n}") for n in range(3)))
    members = [
        Member(host, n % 3, is_unchanged=True) for kind in kinds for n, host in enumerate(kind)
    ]
    wanted = Measurement((replace(metric(), alike=kinds),), 30, 5)
    found = pair_up(wanted, 0, members, Measuring())
    assert [(p.changed, p.control) for p in found.pairs] == [
        ("a0", "a1"),
        ("b0", "b1"),
        ("a3", "a2"),
    ]
    last = pair_up(wanted, 2, members, found)
    assert (last.pairs, last.unpaired) == ((), ("latency",))


def test_hosts_of_one_environment_are_paired_before_others_of_their_class() -> None:
    """What is left over of an environment is paired within the class, and nobody twice."""
    near, far, lonely = (tuple(HostId(f"{kind}{n}") for n in range(2)) for kind in "abc")
    everybody = (*far, *near, *lonely)
    ring_of = {"a0": 0, "a1": 1, "b0": 1, "b1": 1, "c0": 0, "c1": 0}
    members = [Member(host, ring_of[host], is_unchanged=True) for host in everybody]
    wanted = Measurement((replace(metric(), alike=(near, far, lonely, everybody)),), 30, 5)
    found = pair_up(wanted, 0, members, Measuring())
    assert [(p.changed, p.control) for p in found.pairs] == [
        ("a0", "a1"),
        ("c0", "b0"),
        ("c1", "b1"),
    ]


def test_earlier_rings_still_count() -> None:
    """Evidence of the first ring is not forgotten when the second is measured."""
    pair = Pair("latency", HostId("h0"), HostId("h3"), (0.0,) * 4, (1.0,) * 5)
    first = Measuring(ring=0, pairs=(pair,), round=9)
    wanted = Measurement((metric(),), 30, 4)
    members = [Member(HostId(f"h{n}"), int(n > 0), is_unchanged=n > 0) for n in range(8)]
    second = pair_up(wanted, 1, members, first)
    assert counts(second) == counts(first)
    assert evidence(second) == evidence(first) > 1
    assert second.round == 9


@pytest.mark.parametrize(
    ("changed", "control", "worse", "said"),
    [
        (2.0, 1.0, Worse.HIGHER, 0.693147),
        (2.0, 1.0, Worse.LOWER, -0.693147),
        (0.0, 0.0, Worse.HIGHER, 0.0),
        (1e-9, 0.0, Worse.HIGHER, FAR),
        (0.0, 3.0, Worse.HIGHER, -FAR),
        (0.0, 3.0, Worse.LOWER, FAR),
    ],
)
def test_how_much_worse_is_a_share(
    changed: float, control: float, worse: Worse, said: float
) -> None:
    """Twice as much is as far at night as at noon; nothing is farther than anything."""
    assert how_much_worse(changed, control, worse) == said


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, None])
def test_what_is_no_number_is_missing(value: float | None) -> None:
    """Neither good nor bad."""
    assert Sample(1, (Reading("latency", value),)).value_of("latency") is None


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_ranks_are_a_fair_bet_in_any_order(before: int) -> None:
    """Over all orders in which six differences can come, the mean of E is 1, looked at at the end.

    However unlike the two hosts of the pair are: only the order counts.
    """
    values = [0.1, 0.2, 0.35, 5.0, 7.0, 9.0]
    found = []
    for order in permutations(values):
        worse, told = pairs_by_rank(order[:before], order[before:], "a pair")
        found.append(e_value(worse, told, EVEN))
    assert sum(found) / len(found) == pytest.approx(1, rel=1e-6)


def test_equal_numbers_are_put_in_order_by_chance() -> None:
    """A number that is nearly always the same leans to no side."""
    worse = told = 0
    for name in range(400):
        got, of = pairs_by_rank((0.0,) * 10, (0.0,) * 10, f"pair {name}")
        worse, told = worse + got, told + of
    assert 0.46 < worse / told < 0.54


def test_hosts_that_lean_to_different_sides_are_not_even() -> None:
    """All together even is not enough: each pair leans, and after the change it still will."""
    alike = [[1.0, -1.0] * 10, [-1.0, 1.0] * 10]
    assert is_even(alike)
    assert not is_even([[1.0] * 20, [-1.0] * 20])
    assert not is_even([[1.0, -1.0] * 3])


def test_moods_are_spaced_out() -> None:
    """Numbers that stay for a while count seldom, those that jump always; without any, always."""
    chance = random.Random(5)  # noqa: S311 (as above)
    jumpy = [[chance.gauss(0, 1) for _ in range(100)] for _ in range(10)]
    moody = [[value for value in series for _ in range(4)] for series in jumpy]
    assert spacing(jumpy) <= 2
    assert spacing(moody) >= 5
    assert spacing([[], []]) == spacing([[1.0] * 9]) == 1


def series(chance: random.Random, length: int, spread: float, mood: float) -> list[float]:
    """Return the logarithms of a host's numbers: what it does now, it does in a minute too."""
    value, found = chance.gauss(0, spread), []
    for _ in range(length):
        value = mood * value + (1 - mood**2) ** 0.5 * chance.gauss(0, spread)
        found.append(value)
    return found


def alarm_share(
    pairs: int, *, shift: float, spread: float, unlike: float, mood: float, trials: int, seed: int
) -> float:
    """Return the share of soaks that are stopped, looked at after each round."""
    chance = random.Random(seed)  # noqa: S311 (as above)
    before, after, alarms = 20, 60, 0
    for _ in range(trials):
        found = []
        for number in range(pairs):
            own = chance.gauss(0, unlike) - chance.gauss(0, unlike)
            one, other = (series(chance, before + after, spread, mood) for _ in range(2))
            apart = [a - b + own for a, b in zip(one, other, strict=True)]
            found.append(
                Pair(
                    "latency", HostId(f"c{number}"), HostId(f"u{number}"),
                    tuple(apart[:before]), tuple(value + shift for value in apart[before:]),
                )
            )  # fmt: skip
        alarms += any(
            evidence(Measuring(ring=0, pairs=tuple(replace(p, after=p.after[:n]) for p in found)))
            >= 20
            for n in range(4, after + 1, 8)
        )
    return alarms / trials


@pytest.mark.parametrize(
    ("pairs", "spread", "unlike", "mood"),
    [(1, 0.1, 0.0, 0.0), (3, 0.1, 0.03, 0.0), (5, 0.3, 0.3, 0.0), (5, 0.3, 0.1, 0.6)],
)
def test_a_change_that_does_nothing_is_seldom_stopped(
    pairs: int, spread: float, unlike: float, mood: float
) -> None:
    """Looked at again and again, over hosts that are unlike and moody, at most 5 % alarm.

    Twelve of 150 are what chance makes of 5 % in 95 of 100 trials.
    """
    found = alarm_share(pairs, shift=0, spread=spread, unlike=unlike, mood=mood, trials=150, seed=6)
    assert found <= 12 / 150


@pytest.mark.parametrize(
    ("pairs", "shift", "spread", "unlike", "mood", "power"),
    [(10, 0.1, 0.1, 0.3, 0.0, 0.95), (10, 0.5, 0.3, 0.1, 0.6, 0.9), (3, 0.3, 0.1, 0.3, 0.0, 0.9)],
)
def test_a_change_that_makes_hosts_worse_is_found(
    *, pairs: int, shift: float, spread: float, unlike: float, mood: float, power: float
) -> None:
    """Of ten pairs a shift by the noise is enough, of three one by three times as much."""
    found = alarm_share(
        pairs, shift=shift, spread=spread, unlike=unlike, mood=mood, trials=60, seed=7
    )
    assert found >= power


def test_the_line_says_what_the_metrics_allow() -> None:
    """A person reads how often, of how many, and when it would stop."""
    measuring = Measuring(ring=0, past=(Pairs("latency", 9, 12),), unpaired=("errors",))
    assert in_words(measuring) == (
        "latency worse in 9 of 12 pairs, errors: no unchanged host is left to compare with; "
        "E = 2.07 and 20 stops"
    )
    assert what_the_evidence_allows(replace(rollout(), measuring=measuring)).endswith("20 stops")
