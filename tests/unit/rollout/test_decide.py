"""Properties of the decision, whatever hosts do and in whatever order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oakum.core.ids import Digest, HostId, HostRunId, PlanId, RolloutId, TransactionId
from oakum.core.planning.openings import Freeze, HostFreeze, HostOpenings, Opening
from oakum.core.planning.plan import Group, GroupKind
from oakum.core.rollout.decide import decide, settle
from oakum.core.rollout.gate import what_the_evidence_allows
from oakum.core.rollout.host_run import PATIENCE, Work, advance, work_for
from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
    WentBack,
)
from oakum.core.rollout.rollout import HostRun, Rollout, RolloutRing
from oakum.core.rollout.state import HardSignal, Phase, RunState, Wish
from oakum.core.rollout.transaction import JournalEntry, TransactionState, TransactionStatus

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FATES = (
    "good",
    "bad",
    "refused",
    "failed",
    "unreachable",
    "reboots",
    "rollback fails",
    "goes back",
)


def make_rollout(ring_sizes: list[int], concurrency: int = 3, max_failed: int = 0) -> Rollout:
    runs = [
        HostRun(
            HostRunId(f"run-{ring}-{number}"),
            HostId(f"h{ring}-{number}"),
            ring,
            RunState.PENDING,
            "",
            TransactionId(f"tx-{ring}-{number}"),
            TransactionId(f"undo-{ring}-{number}"),
        )
        for ring, size in enumerate(ring_sizes)
        for number in range(size)
    ]
    rings = tuple(RolloutRing(f"ring {n + 1}", 60) for n in range(len(ring_sizes)))
    return Rollout(
        RolloutId("rollout-1"),
        PlanId("plan-1"),
        Digest("ab" * 32),
        Phase.WAITING,
        "created",
        0,
        rings,
        tuple(runs),
        concurrency,
        max_failed,
        None,
        None,
        "tester",
        START,
    )


def status(state: TransactionState, reason: str = "", reboot: str = "") -> TransactionStatus:
    return TransactionStatus(state, "install", reason, (), reboot_reason=reboot)


def observe(run: HostRun, fate: str) -> Observation:
    if fate == "unreachable":
        return Unreachable("connection refused")
    match work_for(run.state):
        case Work.ASK_CHECKS:
            return ChecksDone((), "boot-1")
        case Work.DRIVE_UPGRADE:
            ends = {"refused": TransactionState.REFUSED, "failed": TransactionState.FAILED}
            reboot = "libc" if fate == "reboots" else ""
            ended = ends.get(fate, TransactionState.SUCCEEDED)
            return TransactionSeen(status(ended, fate, reboot), may_reboot=True)
        case Work.DRIVE_REBOOT:
            return Booted("boot-2")
        case Work.VERIFY if fate == "goes back":
            return WentBack("nobody confirmed it")
        case Work.VERIFY:
            return Verified(fate not in {"bad", "rollback fails"}, fate, ())
        case Work.DRIVE_ROLLBACK:
            stuck = fate == "rollback fails"
            ended = TransactionState.FAILED if stuck else TransactionState.SUCCEEDED
            return TransactionSeen(status(ended, fate), may_reboot=True)
        case Work.VERIFY_ROLLBACK:
            return Verified(is_good=True, detail="as before", results=())
        case Work.MEASURE | Work.RUN_HOOKS | None:
            raise AssertionError(run)


def simulate(
    rollout: Rollout, fates: dict[HostId, str], order: list[int], *, minutes: int = 600
) -> list[Rollout]:
    """Let hosts answer in any order while time passes; return every state that was stored."""
    now, states = START, [rollout]
    for tick in range(minutes):
        rollout = settle(rollout, now)
        states.append(rollout)
        if rollout.phase.is_final or rollout.phase is Phase.PAUSED:
            break
        busy = [run for run in rollout.runs if run.state.is_busy]
        if busy:
            run = busy[order[tick % len(order)] % len(busy)]
            after = advance(run, observe(run, fates[run.host]), now)
            runs = tuple(after if other is run else other for other in rollout.runs)
            rollout = replace(rollout, runs=runs)
        now += timedelta(minutes=1)
    return states


rollouts = st.builds(
    make_rollout,
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(0, 2),
)
orders = st.lists(st.integers(0, 20), min_size=1, max_size=30)


@st.composite
def worlds(draw: st.DrawFn) -> list[Rollout]:
    rollout = draw(rollouts)
    fates = {run.host: draw(st.sampled_from(FATES)) for run in rollout.runs}
    return simulate(rollout, fates, draw(orders))


@given(worlds())
@settings(max_examples=300)
def test_no_ring_starts_after_a_failed_gate(states: list[Rollout]) -> None:
    """Once more hosts failed than the budget bears, no further host is begun."""
    for before, after in pairwise(states):
        failed = sum(run.state is RunState.FAILED for run in before.runs)
        if failed > before.max_failed:
            begun = {run.host for run in after.runs if run.state is RunState.CHECKING}
            assert begun <= {run.host for run in before.runs if run.state is RunState.CHECKING}


@given(worlds())
@settings(max_examples=300)
def test_concurrency_is_never_exceeded(states: list[Rollout]) -> None:
    """At most so many hosts are at work at once, but for the second look after a soak."""
    for state in states:
        busy = [run for run in state.runs if run.state.is_busy]
        if not state.soaked:
            assert len(busy) <= state.concurrency


@given(worlds())
@settings(max_examples=300)
def test_every_host_ends_in_a_final_state(states: list[Rollout]) -> None:
    """A rollout that ended left no host at work or waiting, and each says why."""
    last = states[-1]
    assert last.phase.is_final or last.phase is Phase.PAUSED
    if last.phase.is_final:
        assert all(run.state.is_final and run.reason for run in last.runs)


@given(worlds())
@settings(max_examples=300)
def test_a_later_ring_begins_only_after_the_earlier_one_ended(states: list[Rollout]) -> None:
    """Rings are changed one after the other."""
    for state in states:
        for run in state.runs:
            begun = run.state not in {RunState.PENDING, RunState.SKIPPED}
            earlier = [other for other in state.runs if other.ring < run.ring]
            if begun and state.phase is Phase.PROGRESSING:
                assert all(other.state.is_final for other in earlier)


@given(worlds())
@settings(max_examples=300)
def test_a_failed_rollout_leaves_no_changed_host(states: list[Rollout]) -> None:
    """ROLLED_BACK means just that: no host is in a changed state."""
    last = states[-1]
    if last.phase is Phase.ROLLED_BACK:
        kept = {RunState.REFUSED, RunState.ROLLED_BACK, RunState.SKIPPED}
        assert {run.state for run in last.runs} <= kept


@given(worlds(), st.data())
@settings(max_examples=200)
def test_replaying_from_any_stored_state_changes_nothing(
    states: list[Rollout], data: st.DataObject
) -> None:
    """A controller that restarts from a stored state decides as the dead one did."""
    stored = data.draw(st.sampled_from(states[1:]))
    later = START + timedelta(hours=12)
    assert settle(settle(stored, later), later) == settle(stored, later)


@pytest.mark.parametrize("wish", [Wish.ABORT, Wish.ROLL_BACK])
@given(states=worlds(), data=st.data())
@settings(max_examples=150)
def test_abort_and_rollback_are_reachable_from_everywhere(
    wish: Wish, states: list[Rollout], data: st.DataObject
) -> None:
    """Whatever the state, a person's wish to end it is granted, and asking twice is asking once."""
    stored = replace(data.draw(st.sampled_from(states)), wish=wish)
    fates = {run.host: "good" for run in stored.runs}
    end = simulate(stored, fates, [0])[-1]
    assert end.wish is Wish.NONE
    assert end.phase.is_final
    if wish is Wish.ROLL_BACK:
        assert not any(run.state.may_have_changed for run in end.runs)


@given(st.lists(st.sampled_from(["good", "reboots"]), min_size=6, max_size=6), orders)
def test_hosts_that_fare_well_are_all_changed(fates: list[str], order: list[int]) -> None:
    """Nothing wrong, nothing left out."""
    rollout = make_rollout([1, 2, 3])
    worlds_fates = {run.host: fate for run, fate in zip(rollout.runs, fates, strict=True)}
    end = simulate(rollout, worlds_fates, order)[-1]
    assert end.phase is Phase.SUCCEEDED
    assert {run.state for run in end.runs} == {RunState.SUCCEEDED}


def test_no_host_begins_outside_the_window() -> None:
    """Before the window opens nothing is touched, and after it closes nothing new begins."""
    rollout = replace(
        make_rollout([3], concurrency=1),
        opens_at=START + timedelta(hours=1),
        closes_at=START + timedelta(hours=2),
    )
    waiting = settle(rollout, START)
    assert (waiting.phase, waiting.runs) == (Phase.WAITING, rollout.runs)
    assert "the window opens at" in waiting.reason
    opened = settle(rollout, START + timedelta(hours=1))
    assert [run.state for run in opened.runs].count(RunState.CHECKING) == 1
    done = replace(
        opened,
        runs=tuple(
            replace(run, state=RunState.SUCCEEDED) if run.state is RunState.CHECKING else run
            for run in opened.runs
        ),
    )
    closed = settle(done, START + timedelta(hours=2))
    assert closed.phase is Phase.PAUSED
    assert "2 hosts were not begun" in closed.reason
    assert (
        settle(replace(closed, wish=Wish.RESUME), START + timedelta(hours=3)).phase is closed.phase
    )
    assert [run.state for run in closed.runs].count(RunState.PENDING) == 2


def night(*hours: int) -> tuple[Opening, ...]:
    """Return openings of an hour each, so many hours after the start."""
    return tuple(
        Opening(START + timedelta(hours=hour), START + timedelta(hours=hour + 1)) for hour in hours
    )


def state_of(rollout: Rollout, host: str) -> RunState:
    return rollout.run_of(HostId(host)).state


def test_a_host_waits_for_its_own_window_while_others_begin() -> None:
    """Two hosts of a ring: one may begin at any time, one from three o'clock on."""
    bound = HostOpenings(("night",), night(1), (HostId("h0-1"),))
    begun = settle(replace(make_rollout([2]), schedule=(bound,)), START)
    assert state_of(begun, "h0-0") is RunState.CHECKING
    assert state_of(begun, "h0-1") is RunState.PENDING
    later = settle(begun, START + timedelta(hours=1))
    assert state_of(later, "h0-1") is RunState.CHECKING


def test_a_ring_that_nobody_may_begin_in_waits_and_says_until_when() -> None:
    """It goes on by itself when the window opens; the next night is as good."""
    bound = HostOpenings(("night",), night(1, 25), (HostId("h0-0"),))
    rollout = replace(make_rollout([1]), schedule=(bound,))
    waiting = settle(rollout, START)
    assert waiting.phase is Phase.WAITING
    assert waiting.reason == "the next maintenance window of ring 1 opens at 2026-11-23 03:00 UTC"
    assert settle(waiting, START + timedelta(minutes=59)) == waiting
    missed = settle(waiting, START + timedelta(hours=3))
    assert missed.reason.endswith("2026-11-24 03:00 UTC")
    begun = settle(missed, START + timedelta(hours=25))
    assert begun.phase is Phase.PROGRESSING
    assert state_of(begun, "h0-0") is RunState.CHECKING


def test_when_no_window_opens_any_more_a_person_decides() -> None:
    """Who resumes goes on without the hosts that were too late."""
    bound = HostOpenings(("night",), night(1), (HostId("h0-0"),))
    rollout = replace(make_rollout([1, 1]), schedule=(bound,))
    stuck = settle(rollout, START + timedelta(hours=2))
    assert stuck.phase is Phase.PAUSED
    assert stuck.reason == "no window opens any more for h0-0; resume to go on without them"
    resumed = settle(replace(stuck, wish=Wish.RESUME), START + timedelta(hours=2))
    assert state_of(resumed, "h0-0") is RunState.SKIPPED
    assert "no window opens any more" in resumed.run_of(HostId("h0-0")).reason


FREEZE = HostFreeze(Freeze(START, START + timedelta(hours=3), "trade fair"))


@pytest.mark.parametrize(
    ("hour", "more"),
    [(0, {"freezes": (FREEZE,)}), (2, {"closes_at": START + timedelta(hours=2)})],
    ids=["its window is frozen", "the plan's window closes before"],
)
def test_resuming_goes_on_without_a_host_that_no_window_opens_for(
    hour: int, more: dict[str, object]
) -> None:
    """What it was paused with asks for that; it does not pause again with the same words."""
    bound = HostOpenings(("night",), night(hour), (HostId("h0-0"),))
    rollout = replace(make_rollout([1, 1]), schedule=(bound,), **more)  # type: ignore[arg-type]
    stuck = settle(rollout, START)
    assert (stuck.phase, state_of(stuck, "h0-0")) == (Phase.PAUSED, RunState.PENDING)
    assert "resume to go on without them" in stuck.reason
    resumed = settle(replace(stuck, wish=Wish.RESUME), START)
    assert state_of(resumed, "h0-0") is RunState.SKIPPED


def test_resuming_leaves_no_host_out_for_a_freeze_while_another_may_begin() -> None:
    """It was paused for another reason, and the freeze may be lifted before the other ends."""
    bound = HostOpenings(("night",), night(0), (HostId("h0-0"),))
    rollout = replace(
        make_rollout([2]),
        phase=Phase.PAUSED,
        schedule=(bound,),
        freezes=(replace(FREEZE, hosts=(HostId("h0-0"),)),),
    )
    resumed = settle(replace(rollout, wish=Wish.RESUME), START)
    assert [run.state for run in resumed.runs] == [RunState.PENDING, RunState.CHECKING]


def test_resuming_goes_on_without_a_held_up_host_though_another_waits_for_its_window() -> None:
    """Else the other's window would pass too, for a paused rollout begins nothing."""
    pair = Group(GroupKind.AVAILABILITY, "db", 1, (HostId("h0-0"), HostId("h1-0")))
    rollout = replace(
        make_rollout([1, 2], max_failed=1),
        phase=Phase.PROGRESSING,
        ring=1,
        base_rate_ppm=900_000,
        groups=(pair,),
        schedule=(HostOpenings(("night",), night(24), (HostId("h1-1"),)),),
    )
    down = replace(rollout.runs[0], state=RunState.FAILED)
    stuck = settle(replace(rollout, runs=(down, *rollout.runs[1:])), START)
    assert "too much of their groups is down" in stuck.reason
    resumed = settle(replace(stuck, wish=Wish.RESUME), START)
    assert (resumed.phase, state_of(resumed, "h1-0")) == (Phase.WAITING, RunState.SKIPPED)
    later = settle(resumed, START + timedelta(hours=24))
    assert state_of(later, "h1-1") is RunState.CHECKING


@pytest.mark.parametrize(
    ("wish", "phase", "state"),
    [
        (Wish.PAUSE, Phase.PAUSED, RunState.PENDING),
        (Wish.ABORT, Phase.ABORTED, RunState.SKIPPED),
        (Wish.ROLL_BACK, Phase.ROLLED_BACK, RunState.SKIPPED),
    ],
)
def test_a_host_that_is_only_being_checked_does_not_go_on(
    wish: Wish, phase: Phase, state: RunState
) -> None:
    """Nothing was done to it; its answer comes too late to begin its transaction."""
    checking = settle(make_rollout([1]), START)
    assert checking.runs[0].state is RunState.CHECKING
    ended = settle(replace(checking, wish=wish), START)
    assert (ended.phase, ended.runs[0].state) == (phase, state)
    assert advance(ended.runs[0], ChecksDone((), "boot-1"), START) == ended.runs[0]


def test_a_failed_gate_lets_no_host_go_on_to_its_transaction() -> None:
    """A signal stops at once: of a host that is being checked nothing was changed."""
    checking = settle(make_rollout([2]), START)
    failed = replace(checking.runs[0], state=RunState.FAILED)
    after = settle(replace(checking, runs=(failed, checking.runs[1])), START)
    assert [run.state for run in after.runs] == [RunState.ROLLING_BACK, RunState.SKIPPED]


@pytest.mark.parametrize("paused_for", [timedelta(seconds=10), timedelta(hours=9)])
def test_a_soak_that_was_paused_ends_when_it_would_have(paused_for: timedelta) -> None:
    """A pause in the last hour of two days does not cost two days more; the second look is had."""
    rollout = make_rollout([1, 1])
    well = replace(rollout.runs[0], state=RunState.SUCCEEDED)
    going = replace(rollout, phase=Phase.PROGRESSING, runs=(well, rollout.runs[1]))
    soaking = settle(going, START)
    assert soaking.soak_until == START + timedelta(seconds=60)
    paused = settle(replace(soaking, wish=Wish.PAUSE), START + timedelta(seconds=50))
    now = paused.soak_until + paused_for if paused.soak_until else START
    resumed = settle(replace(paused, wish=Wish.RESUME), now)
    assert (resumed.phase, resumed.soaked) == (Phase.PROGRESSING, True)
    assert resumed.runs[0].state is RunState.VERIFYING
    early = settle(replace(paused, wish=Wish.RESUME), START + timedelta(seconds=55))
    assert (early.phase, early.soak_until) == (Phase.WAITING, soaking.soak_until)
    assert early.reason == "resumed by a person; ring 1 soaks until 2026-11-23 02:01 UTC"


def test_a_paused_host_begins_anew_when_a_person_resumes() -> None:
    """How long it took is counted from then on."""
    paused = settle(replace(settle(make_rollout([1]), START), wish=Wish.PAUSE), START)
    later = START + timedelta(hours=9)
    (run,) = settle(replace(paused, wish=Wish.RESUME), later).runs
    assert (run.state, run.started_at) == (RunState.CHECKING, later)


def test_the_plans_window_holds_beside_the_hosts() -> None:
    """An opening after the plan's window has closed is none."""
    bound = HostOpenings(("night",), night(5), (HostId("h0-0"),))
    closes = START + timedelta(hours=4)
    rollout = replace(make_rollout([1]), schedule=(bound,), closes_at=closes)
    assert settle(rollout, START).phase is Phase.PAUSED


def test_refused_hosts_pause_for_a_person_and_resuming_forgives_them() -> None:
    """A host that was never changed is no evidence against the plan, nor for it."""
    rollout = make_rollout([1, 1])
    fates = {run.host: "refused" if run.ring == 0 else "good" for run in rollout.runs}
    paused = simulate(rollout, fates, [0])[-1]
    assert paused.phase is Phase.PAUSED
    assert "no evidence" in paused.reason
    end = simulate(replace(paused, wish=Wish.RESUME), fates, [0])[-1]
    assert end.phase is Phase.SUCCEEDED


def test_a_silent_host_is_given_time_and_then_taken_at_its_silence() -> None:
    """Unreachable is no answer at first; after the set patience it counts as failed."""
    run = replace(make_rollout([1]).runs[0], state=RunState.UPGRADING)
    soon = advance(run, Unreachable("timed out"), START)
    late = advance(soon, Unreachable("timed out"), START + PATIENCE)
    assert soon.state is RunState.UPGRADING
    assert late.state is RunState.FAILED


@pytest.mark.parametrize("state", [RunState.UPGRADING, RunState.REBOOTING, RunState.VERIFYING])
def test_a_host_that_went_back_by_itself_is_followed(state: RunState) -> None:
    """Its roll-back has the name that ours would have: it is looked at, and not begun again."""
    run = replace(make_rollout([1]).runs[0], state=state)
    back = advance(run, WentBack("nobody confirmed it"), START)
    assert (back.state, back.reason) == (RunState.ROLLING_BACK, "nobody confirmed it")
    assert work_for(back.state) is Work.DRIVE_ROLLBACK
    done = TransactionSeen(status(TransactionState.SUCCEEDED), may_reboot=False)
    verified = Verified(is_good=True, detail="put back by the host itself", results=())
    end = advance(advance(back, done, START), verified, START)
    assert (end.state, end.reason) == (RunState.ROLLED_BACK, "put back by the host itself")


def test_a_host_that_went_back_is_evidence_only_when_it_was_silent() -> None:
    """No controller was there: a person decides. It could not be heard: the rollout turns back."""
    rollout = replace(make_rollout([2, 1], max_failed=0), phase=Phase.PROGRESSING)
    first, second = (replace(run, state=RunState.VERIFYING) for run in rollout.in_ring(0))
    unheard = replace(second, silent_since=START)
    for run, phase in ((first, Phase.PAUSED), (unheard, Phase.ROLLING_BACK)):
        back = advance(run, WentBack("nobody confirmed it"), START)
        other = replace(second if run is first else first, state=RunState.SUCCEEDED)
        seen = settle(replace(rollout, runs=(back, other, *rollout.in_ring(1))), START)
        assert seen.phase is phase
        assert back.host in seen.reason


def test_a_silent_host_with_a_deadman_is_put_back_and_waited_for() -> None:
    """It counts as lost at once, and is given the time to be heard again."""
    lost = Unreachable("timed out", deadman_seconds=1800)
    run = replace(make_rollout([1]).runs[0], state=RunState.VERIFYING)
    run = advance(advance(run, lost, START), lost, START + PATIENCE)
    assert (run.state, run.signals) == (RunState.ROLLING_BACK, (HardSignal.UNREACHABLE,))
    begun = START + PATIENCE
    run = advance(run, lost, begun)
    still = advance(run, lost, begun + PATIENCE + timedelta(minutes=29))
    assert still.state is RunState.ROLLING_BACK
    given_up = advance(still, lost, begun + PATIENCE + timedelta(minutes=30))
    assert given_up.state is RunState.ROLLBACK_FAILED


def test_a_host_that_was_confirmed_is_not_waited_for() -> None:
    """Silent after its soak, it fails as without a deadman: it will not go back by itself."""
    lost = Unreachable("timed out", deadman_seconds=1800)
    run = replace(make_rollout([1]).runs[0], state=RunState.VERIFYING, seconds=40)
    failed = advance(advance(run, lost, START), lost, START + PATIENCE)
    assert failed.state is RunState.FAILED
    back = advance(replace(run, state=RunState.ROLLING_BACK), lost, START)
    assert advance(back, lost, START + PATIENCE).state is RunState.ROLLBACK_FAILED


def test_what_is_final_does_not_go_back() -> None:
    """A host that was confirmed cannot; an echo changes nothing."""
    for state in RunState:
        run = replace(make_rollout([1]).runs[0], state=state)
        if state not in {RunState.UPGRADING, RunState.REBOOTING, RunState.VERIFYING}:
            assert advance(run, WentBack("late"), START) == run


def test_how_long_a_host_took_is_counted_once() -> None:
    """From its beginning to the first time that it was found well: a soak is no work."""
    rollout = settle(make_rollout([1]), START)
    moments = [START + timedelta(seconds=seconds) for seconds in (10, 30, 50, 200)]
    for moment in moments:
        (run,) = rollout.runs
        after = advance(run, observe(run, "good"), moment) if work_for(run.state) else run
        rollout = settle(replace(rollout, runs=(after,)), moment)
    assert rollout.phase is Phase.PROGRESSING or rollout.phase.is_final
    assert rollout.runs[0].seconds == 50


def test_patience_begins_with_the_silence_and_not_with_the_work() -> None:
    """A long upgrade that loses its connection once, or now and then, has not failed."""
    run = replace(make_rollout([1]).runs[0], state=RunState.UPGRADING)
    at_work = TransactionSeen(
        TransactionStatus(TransactionState.RUNNING, "install", "", ()),
        may_reboot=False,
        allowed=timedelta(days=1),
    )
    for hour in range(3):
        now = START + timedelta(hours=hour)
        run = advance(run, Unreachable("reset by peer"), now)
        assert run.state is RunState.UPGRADING
        run = advance(run, at_work, now + timedelta(minutes=1))
        assert run.silent_since is None


def test_a_host_was_not_silent_while_nobody_asked_it() -> None:
    """The controller died while a host rebooted; the next one does not get through at first."""
    run = replace(make_rollout([1]).runs[0], state=RunState.REBOOTING, silent_since=START)
    back = START + timedelta(hours=9)
    soon = advance(run, Unreachable("no network", asked_since=back), back + timedelta(minutes=1))
    assert (soon.state, soon.silent_since) == (RunState.REBOOTING, back)
    late = advance(soon, Unreachable("no network", asked_since=back), back + PATIENCE)
    assert late.state is RunState.FAILED
    assert late.reason == "unreachable for 15 minutes: no network"


def _to_reboot() -> HostRun:
    return replace(
        make_rollout([1]).runs[0],
        state=RunState.REBOOTING,
        reason="old code runs in dbus.service",
        boot_id_before="boot-1",
        changed_at=START,
    )


def test_a_host_that_does_not_reboot_fails_in_the_end() -> None:
    """It answers, so it is not silent; a run that waited for ever would hold its rollout up."""
    told = advance(_to_reboot(), Booted("boot-1"), START)
    soon = advance(told, Booted("boot-1"), START + timedelta(minutes=14))
    late = advance(told, Booted("boot-1"), START + PATIENCE)
    assert soon == told
    assert late.state is RunState.FAILED
    assert "told to reboot 15 minutes ago" in late.reason
    assert advance(told, Booted("boot-2"), START + PATIENCE).state is RunState.VERIFYING


def test_a_host_that_was_told_late_to_reboot_is_given_its_time_all_the_same() -> None:
    """The controller died between storing that it is to reboot and telling it so."""
    told = advance(_to_reboot(), Booted("boot-1"), START + 8 * PATIENCE)
    assert told.state is RunState.REBOOTING
    assert advance(told, Booted("boot-1"), START + 9 * PATIENCE).state is RunState.FAILED


@pytest.mark.parametrize(
    ("journal", "left"),
    [
        ((), "boot-1"),
        ((("begin", "boot-1"),), "boot-1"),
        ((("begin", "boot-1"), ("resume", "boot-2"), ("install", "")), "boot-2"),
        ((("begin", "boot-"),), "boot-1"),
    ],
)
def test_a_boot_before_the_change_was_complete_is_no_proof(
    journal: tuple[tuple[str, str], ...], left: str
) -> None:
    """A power cut in the middle booted the host too: what needs a boot needs one after it."""
    run = replace(make_rollout([1]).runs[0], state=RunState.UPGRADING, boot_id_before="boot-1")
    entries = tuple(JournalEntry("now", step, "started", detail) for step, detail in journal)
    status = TransactionStatus(
        TransactionState.SUCCEEDED, "self-check", "", entries, reboot_reason="microcode"
    )
    told = advance(run, TransactionSeen(status, may_reboot=True, allowed=timedelta(days=1)), START)
    assert (told.state, told.boot_id_before) == (RunState.REBOOTING, left)
    assert advance(told, Booted(left), START).state is RunState.REBOOTING


def test_late_and_doubled_observations_change_nothing() -> None:
    """An observation that does not fit the state is an echo of an earlier controller."""
    run = replace(make_rollout([1]).runs[0], state=RunState.SUCCEEDED)
    assert advance(run, ChecksDone((), "boot-9"), START) == run
    assert advance(run, Verified(is_good=False, detail="late", results=()), START) == run


def test_the_line_for_people_says_what_the_evidence_allows() -> None:
    """Ten clean hosts still allow a failure rate of 26 %."""
    rollout = make_rollout([10])
    runs = tuple(replace(run, state=RunState.SUCCEEDED) for run in rollout.runs)
    line = what_the_evidence_allows(replace(rollout, runs=runs))
    assert line == "0 of 10 failed: the true rate may still be 26 %"


def test_a_final_state_is_at_rest() -> None:
    """Deciding over a rollout that ended returns the very same value."""
    ended = replace(make_rollout([1]), phase=Phase.SUCCEEDED)
    assert decide(ended, START) is ended
