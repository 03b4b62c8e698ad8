"""Hooks of a host run: whatever is seen and in whatever order, each is begun at most once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.rollout.test_decide import make_rollout

from oakum.core.ids import HostId, HostRunId, TransactionId
from oakum.core.planning.hook import HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.rollout.decide import settle
from oakum.core.rollout.ending import hook_step, move, needs_host
from oakum.core.rollout.hooks import (
    GRACE,
    Execution,
    HookRun,
    HookState,
    HookStatus,
    Progress,
    executions,
)
from oakum.core.rollout.host_run import PATIENCE, advance, work_for
from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    HookBegins,
    HookSeen,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
)
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import HardSignal, Phase, RunState, Wish
from oakum.core.rollout.transaction import TransactionState, TransactionStatus

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PASSED, BAD = HookStatus(Progress.ENDED, 0, 1), HookStatus(Progress.ENDED, 3, 1, "no\n")


def hook(
    name: str,
    moment: HookMoment = HookMoment.BEFORE,
    place: HookPlace = HookPlace.HOST,
    undo: UndoWhen | None = UndoWhen.ALWAYS,
    *,
    must_pass: bool = True,
) -> HookRun:
    kind = HookKind(name) if name in {kind.value for kind in HookKind} else HookKind.SMOKE
    return HookRun(name, kind, moment, place, must_pass, 60, undo)


def changed(run: HostRun) -> HostRun:
    """Let the transaction succeed, wake what was brought to rest, and find the host well."""
    run, _ = do_all(see(run, transaction(TransactionState.SUCCEEDED)))
    return see(run, GOOD)


DRAIN = hook("drain", place=HookPlace.CONTROLLER, undo=UndoWhen.WELL)
QUIESCE = hook("quiesce")
SMOKE = hook("smoke", HookMoment.AFTER, undo=None)


def begin(*hooks: HookRun) -> HostRun:
    return HostRun(
        HostRunId("h"), HostId("h"), 0, RunState.CHECKING, "begun",
        TransactionId("t"), TransactionId("t.undo"), hooks=hooks,
    )  # fmt: skip


def see(run: HostRun, *observations: Observation) -> HostRun:
    for observation in observations:
        run = advance(run, observation, NOW)
    return run


def transaction(state: TransactionState) -> TransactionSeen:
    return TransactionSeen(TransactionStatus(state, "install", state.value, ()), may_reboot=False)


def do_hook(run: HostRun, status: HookStatus = PASSED) -> HostRun:
    """Let the next hook begin and end."""
    step = hook_step(run)
    assert step is not None
    run = see(run, HookBegins(step.hook.name, step.is_undo, "here"))
    return see(run, HookSeen(step.hook.name, step.is_undo, status))


def do_all(run: HostRun, status: HookStatus = PASSED) -> tuple[HostRun, list[str]]:
    """Let hooks begin and end while the run waits for any; return the names, undos with a minus."""
    names = []
    while (step := hook_step(run)) is not None:
        names.append(f"{'-' if step.is_undo else ''}{step.hook.name}")
        run = do_hook(run, status)
    return run, names


GOOD = Verified(is_good=True, detail="good", results=())
ALL = (DRAIN, QUIESCE, SMOKE)
CHECKED = see(begin(*ALL), ChecksDone((), "boot-1"))


def test_hooks_stand_around_the_change() -> None:
    """Before it in their order, after it what must hold then, and back the other way round."""
    run, before = do_all(CHECKED)
    assert (run.state, before) == (RunState.UPGRADING, ["drain", "quiesce"])
    run = see(run, transaction(TransactionState.SUCCEEDED))
    assert run.state is RunState.WAKING
    run, woken = do_all(run)
    assert (run.state, woken) == (RunState.VERIFYING, ["-quiesce"])
    run = see(run, GOOD)
    assert run.state is RunState.AFTER_HOOKS
    run, after = do_all(run)
    assert (run.state, after) == (RunState.SUCCEEDED, ["smoke", "-drain"])
    assert run.ending is None


def test_a_run_without_hooks_goes_as_before() -> None:
    """It never comes into a state of hooks."""
    run = see(begin(), ChecksDone((), ""), transaction(TransactionState.SUCCEEDED), GOOD)
    assert run.state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    "status",
    [
        BAD,
        HookStatus(Progress.TIMED_OUT, 124, 60),
        HookStatus(Progress.INTERRUPTED),
        HookStatus(Progress.NOT_STARTED, said="disk full"),
    ],
)
def test_a_must_pass_hook_before_the_change_refuses_the_host(status: HookStatus) -> None:
    """Nothing was changed; what was done before it is taken back, and it itself too."""
    run = do_hook(do_hook(CHECKED), status)
    assert (run.state, run.outcome) == (RunState.UNDOING_HOOKS, RunState.REFUSED)
    assert not run.may_have_changed
    run, undone = do_all(run)
    assert (run.state, undone) == (RunState.REFUSED, ["-quiesce", "-drain"])
    assert run.reason.startswith("hook quiesce: ")


def test_a_best_effort_hook_that_fails_is_recorded_and_no_more() -> None:
    """The change goes on."""
    run = see(begin(replace(QUIESCE, must_pass=False)), ChecksDone((), ""))
    run = do_hook(run, BAD)
    assert run.state is RunState.UPGRADING
    assert run.hooks[0].done == Execution(HookState.FAILED, "here", NOW, 3, 1, "no")


def test_a_must_pass_hook_after_the_change_fails_the_host() -> None:
    """It stays out of service, for it is not well; what was stopped runs again."""
    run, _ = do_all(CHECKED)
    run = changed(run)
    run = do_hook(run, BAD)
    assert (run.state, run.outcome) == (RunState.FAILED, RunState.FAILED)
    assert run.reason == "not undone: drain; hook smoke: failed (exit status 3): no"


def test_a_drained_host_comes_back_when_it_was_rolled_back() -> None:
    """It stayed out while it was not well; now it is as it was."""
    run, _ = do_all(CHECKED)
    run, _ = do_all(see(run, transaction(TransactionState.FAILED)))
    assert (run.state, run.is_down) == (RunState.FAILED, True)
    run = move(run, RunState.ROLLING_BACK, "gate", NOW)
    run = see(run, transaction(TransactionState.SUCCEEDED), GOOD)
    run, undone = do_all(run)
    assert (run.state, undone) == (RunState.ROLLED_BACK, ["-drain"])


def test_a_host_that_refuses_the_transaction_is_put_back() -> None:
    """It is as it was."""
    run, _ = do_all(CHECKED)
    run, undone = do_all(see(run, transaction(TransactionState.REFUSED)))
    assert (run.state, undone) == (RunState.REFUSED, ["-quiesce", "-drain"])


def _ended(run: HostRun, wish: Wish) -> HostRun:
    """Return the run after a person asked for the end of its rollout."""
    rollout = replace(make_rollout([1]), phase=Phase.PROGRESSING, runs=(run,), wish=wish)
    return settle(rollout, NOW).runs[0]


@pytest.mark.parametrize("wish", [Wish.ABORT, Wish.ROLL_BACK])
def test_a_rollout_that_ends_between_two_hooks_changes_the_host_no_more(wish: Wish) -> None:
    """It was drained, and comes back into service without a transaction."""
    drained = do_hook(CHECKED)
    run, undone = do_all(_ended(drained, wish))
    assert (run.state, undone) == (RunState.SKIPPED, ["-drain"])
    assert run.reason == "the rollout ended before this host was changed"


@pytest.mark.parametrize("status", [PASSED, BAD])
def test_a_hook_that_runs_when_the_rollout_ends_is_waited_for(status: HookStatus) -> None:
    """It may have done its work, so it is undone too; the next hook and the change never come."""
    running = see(do_hook(CHECKED), HookBegins("quiesce", is_undo=False, record="here"))
    called_off = _ended(running, Wish.ABORT)
    assert (called_off.state, called_off.outcome) == (RunState.BEFORE_HOOKS, RunState.SKIPPED)
    run = see(called_off, HookSeen("quiesce", is_undo=False, status=status))
    run, undone = do_all(run)
    assert (run.state, undone) == (RunState.SKIPPED, ["-quiesce", "-drain"])


def test_nothing_is_undone_that_was_not_begun() -> None:
    """The checks' host was lost before any hook."""
    run = see(begin(*ALL), Unreachable("gone"))
    run = advance(run, Unreachable("gone"), NOW + PATIENCE)
    assert (run.state, run.signals) == (RunState.REFUSED, (HardSignal.UNREACHABLE,))


def test_soaking_runs_no_hook_again() -> None:
    """The host is verified for the second time, and that is all."""
    run, _ = do_all(CHECKED)
    run, _ = do_all(changed(run))
    again = see(move(run, RunState.VERIFYING, "soak", NOW), GOOD)
    assert (again.state, again.hooks) == (RunState.SUCCEEDED, run.hooks)


def test_a_lost_host_is_undone_from_the_controller_only() -> None:
    """It is not well, so it stays drained; its own hooks wait for another end."""
    silence = hook("silence", place=HookPlace.CONTROLLER)
    run = see(begin(silence, *ALL), ChecksDone((), ""))
    run, _ = do_all(run)
    run = see(run, Unreachable("gone"))
    run = advance(run, Unreachable("gone"), NOW + PATIENCE)
    assert (run.outcome, needs_host(run)) == (RunState.FAILED, False)
    run, undone = do_all(run)
    assert (run.state, undone) == (RunState.FAILED, ["-silence"])
    run = move(run, RunState.ROLLING_BACK, "gate", NOW)
    run, undone = do_all(see(run, transaction(TransactionState.SUCCEEDED), GOOD))
    assert (run.state, undone) == (RunState.ROLLED_BACK, ["-quiesce", "-drain"])


def test_a_host_that_is_lost_while_its_hooks_are_undone() -> None:
    """What was begun there is unknown; the end is the one that was known before."""
    run, _ = do_all(CHECKED)
    run = see(run, transaction(TransactionState.REFUSED), HookBegins("quiesce", True, ""))  # noqa: FBT003
    run = see(run, Unreachable("gone"))
    run = advance(run, Unreachable("gone"), NOW + PATIENCE)
    assert run.hooks[1].undone.state is HookState.UNKNOWN
    assert run.state is RunState.REFUSED
    assert run.stays_out
    assert run.is_down


def test_an_undo_that_fails_leaves_the_host_out() -> None:
    """The change was good; a person has to know that the host does no work."""
    run, _ = do_all(CHECKED)
    well, _ = do_all(changed(run))
    assert not well.stays_out
    run, _ = do_all(do_hook(changed(run)), BAD)
    assert (run.state, run.stays_out) == (RunState.SUCCEEDED, True)
    assert run.reason.startswith("not undone: drain; ")


def test_what_cannot_be_woken_is_verified_all_the_same() -> None:
    """The checks say what is wrong with the host; that it was not woken is kept."""
    run, _ = do_all(CHECKED)
    run = do_hook(see(run, transaction(TransactionState.SUCCEEDED)), BAD)
    assert run.state is RunState.VERIFYING
    run, undone = do_all(do_hook(see(run, GOOD)))
    assert (run.state, run.stays_out, undone) == (RunState.SUCCEEDED, True, ["-drain"])


def test_a_hook_that_runs_for_ever_is_unknown() -> None:
    """Its time and some more are waited for, and no longer."""
    run = see(CHECKED, HookBegins("drain", False, "here"))  # noqa: FBT003
    running = HookSeen("drain", False, HookStatus(Progress.RUNNING))  # noqa: FBT003
    limit = NOW + timedelta(seconds=60) + GRACE
    assert advance(run, running, limit) == run
    late = advance(run, running, limit + timedelta(seconds=1))
    assert late.hooks[0].done.state is HookState.UNKNOWN
    assert late.outcome is RunState.REFUSED


places = st.sampled_from(HookPlace)
hooks_of_runs = st.lists(
    st.builds(
        HookRun, st.just(""), st.sampled_from(HookKind), st.sampled_from(HookMoment), places,
        st.booleans(), st.just(60), st.none() | st.sampled_from(UndoWhen),
    ),
    max_size=4,
).map(lambda found: tuple(replace(h, name=f"hook {n}") for n, h in enumerate(found)))  # fmt: skip
statuses = st.builds(
    HookStatus, st.sampled_from(Progress), st.sampled_from([None, 0, 1]), st.none(), st.just("x")
)
moves = st.lists(
    st.one_of(
        st.just("begin"),
        st.builds(ChecksDone, st.just(()), st.just("boot-1")),
        st.sampled_from([transaction(state) for state in TransactionState]),
        st.builds(Booted, st.just("boot-2")),
        st.builds(Verified, st.booleans(), st.just("verified"), st.just(())),
        st.just(Unreachable("gone")),
        statuses,
        st.just("roll back"),
        st.just("soak"),
    ),
    max_size=60,
)


@given(hooks_of_runs, moves)
@settings(max_examples=500, deadline=None)
def test_no_hook_is_begun_twice(hooks: tuple[HookRun, ...], seen: list[object]) -> None:
    """Each goes from waiting to begun to one end, and from there nowhere; nothing waits for none.

    An undo begins only when its hook was begun, and no run ends while it waits for a hook.
    """
    run, now, begun = begin(*hooks), NOW, list[str]()
    for item in seen:
        now += timedelta(minutes=4)
        before = run
        run = _step(run, item, now)
        for (name, old), (_, new) in zip(
            executions(before.hooks), executions(run.hooks), strict=True
        ):
            if old.state is new.state:
                assert new == old
            else:
                assert not old.state.has_ended
                if new.state is HookState.BEGUN:
                    begun.append(name)
        assert (run.ending is None) is (run.state is not RunState.UNDOING_HOOKS)
        in_hooks = run.state in {
            RunState.BEFORE_HOOKS, RunState.WAKING, RunState.AFTER_HOOKS, RunState.UNDOING_HOOKS
        }  # fmt: skip
        assert (hook_step(run) is not None) is in_hooks
        assert (work_for(run.state) is None) is (run.state.is_final)
    assert len(begun) == len(set(begun))
    for one in run.hooks:
        assert one.done.state is not HookState.WAITING or one.undone.state is HookState.WAITING


def _step(run: HostRun, item: object, now: datetime) -> HostRun:
    step = hook_step(run)
    match item:
        case "roll back" | "soak":
            if item == "soak" and run.state is RunState.SUCCEEDED:
                return move(run, RunState.VERIFYING, "soak", now)
            if run.state.is_final and run.may_have_changed:
                return move(run, RunState.ROLLING_BACK, "wished", now)
            return run
        case "begin":
            by = f"by {now}"
            return advance(run, HookBegins(step.hook.name, step.is_undo, by), now) if step else run
        case HookStatus():
            seen = HookSeen(step.hook.name, step.is_undo, item) if step else None
            return advance(run, seen, now) if seen else run
        case _:
            return advance(run, item, now)  # type: ignore[arg-type]
