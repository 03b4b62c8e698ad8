from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, create_engine, update
from tests.fakes.fleet import facts_of
from tests.plans import NOW, PLAN

from oakum.adapters.package_managers.apt import SAFE_ID
from oakum.adapters.persistence.documents import to_document
from oakum.adapters.persistence.tables import host_runs, plans
from oakum.core.audit.event import Action
from oakum.core.errors import ConflictError, RefusedError, StorageError
from oakum.core.ids import Digest, HostId, HostRunId, RolloutId
from oakum.core.inventory.host import Host
from oakum.core.inventory.names import require_host_name
from oakum.core.planning.hook import MAX_HOOKS
from oakum.core.planning.plan import Group, GroupKind, Plan, Ring, Window
from oakum.core.rollout.hooks import Execution, HookState
from oakum.core.rollout.rollout import Rollout, RolloutRing
from oakum.core.rollout.state import HardSignal, Phase, RunState, Wish
from oakum.ports.clock import Clock
from oakum.ports.stores import Approval, ScanFailure, UnitOfWorkFactory
from oakum.services.assign_hosts import plan_of
from oakum.services.start_rollout import Wanted, last_rollout_of, start_rollout, want

FORGED = replace(PLAN, rings=(*PLAN.rings, Ring("ring 3", (HostId("db"),), 0)))


def _forge(directory: Path, table: Table = plans, **values: object) -> None:
    engine = create_engine(f"sqlite:///{directory / 'oakum.sqlite'}")
    with engine.begin() as connection:
        connection.execute(update(table).values(**values))
    engine.dispose()


def approve(begin: UnitOfWorkFactory, plan: Plan = PLAN, digest: Digest | None = None) -> None:
    with begin() as work:
        work.plans.add(plan)
        approval = Approval(
            plan.id, digest or plan.digest, "ann", NOW, "",
            accepts_no_way_back=False, overrides_rehearsal=False,
        )  # fmt: skip
        work.plans.add_approval(approval)
        work.commit()


def save(begin: UnitOfWorkFactory, rollout: Rollout) -> None:
    with begin() as work:
        work.rollouts.save(rollout)
        work.commit()


def test_an_approved_plan_becomes_a_rollout(
    begin: UnitOfWorkFactory, clock: Clock, actions: Callable[[], list[Action]]
) -> None:
    """Each host waits for its ring, with the names of its transactions fixed from the start."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    assert (rollout.phase, rollout.concurrency, rollout.max_failed) == (Phase.WAITING, 2, 0)
    assert [(run.host, run.ring, run.state) for run in rollout.runs] == [
        ("web-1", 0, RunState.PENDING),
        ("web-2", 1, RunState.PENDING),
    ]
    assert rollout.runs[0].rollback_transaction == f"{rollout.runs[0].transaction}.undo"
    with begin() as work:
        assert work.rollouts.get(rollout.id) == rollout
    assert actions() == [Action.ROLLOUT_STARTED]


def test_a_host_that_was_added_again_can_be_changed(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """Its id has a colon; the names of its transactions are such as hosts take."""
    again = replace(PLAN, rings=(Ring("ring 1", (HostId("web-1:2"),), 0),))
    approve(begin, again)
    (run,) = start_rollout(again.id, "bob", begin, clock).runs
    assert SAFE_ID.fullmatch(run.transaction)
    assert SAFE_ID.fullmatch(run.rollback_transaction)


def test_a_host_with_the_longest_name_can_be_changed_and_rolled_back(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """The roll-back's id is the longer one: a host that could only go forward has no way back."""
    longest = HostId("h" * 100)
    require_host_name(longest)
    plan = replace(PLAN, rings=(Ring("ring 1", (longest,), 0),))
    approve(begin, plan)
    (run,) = start_rollout(plan.id, "bob", begin, clock).runs
    hook = f"{run.transaction}.hook-{MAX_HOOKS}.undo"
    for identity in (run.transaction, run.rollback_transaction, hook):
        assert SAFE_ID.fullmatch(identity)


def test_a_plan_that_nobody_approved_is_refused(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """Nothing is stored."""
    with begin() as work:
        work.plans.add(PLAN)
        work.commit()
    with pytest.raises(RefusedError, match="not approved"):
        start_rollout(PLAN.id, "bob", begin, clock)
    with begin() as work:
        assert work.rollouts.outlines() == ()


def test_an_approval_of_another_digest_is_void(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """The approval binds to what the plan was."""
    approve(begin, digest=Digest("0" * 64))
    with pytest.raises(RefusedError, match="changed after its approval"):
        start_rollout(PLAN.id, "bob", begin, clock)


def test_a_plan_that_was_changed_in_the_database_is_refused(
    begin: UnitOfWorkFactory, clock: Clock, tmp_path: Path
) -> None:
    """Whoever adds a host to a stored plan gets no rollout of it."""
    approve(begin)
    _forge(tmp_path, document=to_document(FORGED))
    with pytest.raises(StorageError, match=f"{PLAN.id} in the database was changed"):
        start_rollout(PLAN.id, "bob", begin, clock)


def test_a_plan_that_was_changed_after_the_start_is_not_carried_out(
    begin: UnitOfWorkFactory, clock: Clock, tmp_path: Path
) -> None:
    """Neither watching nor rolling back takes up what nobody approved."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    with begin() as work:
        assert plan_of(rollout, work) == PLAN
    _forge(tmp_path, document=to_document(FORGED))
    with begin() as work, pytest.raises(StorageError, match="was changed after it was made"):
        plan_of(rollout, work)


@pytest.mark.parametrize(
    "change",
    [
        {"plan": FORGED.id},
        {"plan_digest": FORGED.digest},
        {"concurrency": 50},
        {"max_failed": 1},
        {"opens_at": None},
        {"rings": (RolloutRing("ring 1", 0), RolloutRing("ring 2", 60))},
        {"runs": ()},
    ],
    ids=str,
)
def test_a_rollout_that_is_not_what_was_approved_goes_no_further(
    begin: UnitOfWorkFactory, clock: Clock, change: dict[str, object]
) -> None:
    """Its record can be changed too: another plan, no budget, a ring without its soak."""
    approve(begin)
    approve(begin, FORGED)
    rollout = replace(start_rollout(PLAN.id, "bob", begin, clock), **change)  # type: ignore[arg-type]
    with begin() as work, pytest.raises(RefusedError, match="no longer what was approved"):
        plan_of(rollout, work)


def test_a_hook_that_was_changed_after_the_start_is_not_run(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """Neither one that must no longer pass, nor one that is left out of the record."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    first, second = rollout.runs
    assert (first.hooks, [hook.name for hook in second.hooks]) == ((), [PLAN.hooks[0].name])
    begun = replace(second.hooks[0], done=Execution(HookState.BEGUN, "here", NOW))
    lax = replace(second.hooks[0], must_pass=False)
    with begin() as work:
        known = replace(rollout, runs=(first, replace(second, hooks=(begun,))))
        assert plan_of(known, work) == PLAN
        for hooks in ((lax,), ()):
            forged = replace(rollout, runs=(first, replace(second, hooks=hooks)))
            with pytest.raises(RefusedError, match="no longer what was approved"):
                plan_of(forged, work)


def test_a_window_that_is_over_starts_nothing(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """Its rollout would wait for ever."""
    late = replace(PLAN, window=Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1)))
    approve(begin, late)
    with pytest.raises(RefusedError, match="its window closed at 2026-11-25 11:00 UTC"):
        start_rollout(late.id, "bob", begin, clock)


def test_a_roll_back_that_was_asked_for_is_not_overruled(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """Nobody was there yet to carry it out; a pause must not make it forgotten."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    done = replace(rollout.runs[0], state=RunState.SUCCEEDED)
    save(begin, replace(rollout, runs=(done, rollout.runs[1])))
    want(Wanted(rollout.id, Wish.ROLL_BACK, "bob"), begin, clock)
    with pytest.raises(ConflictError, match="about to be rolled back"):
        want(Wanted(rollout.id, Wish.PAUSE, "ann"), begin, clock)


def test_an_abort_that_was_asked_for_is_not_overruled(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """A host is at work, so it is granted at the next step; a pause before it must not end it."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    busy = replace(rollout.runs[0], state=RunState.UPGRADING)
    save(begin, replace(rollout, phase=Phase.PROGRESSING, runs=(busy, rollout.runs[1])))
    want(Wanted(rollout.id, Wish.ABORT, "bob"), begin, clock)
    with pytest.raises(ConflictError, match="about to be aborted"):
        want(Wanted(rollout.id, Wish.PAUSE, "ann"), begin, clock)
    assert want(Wanted(rollout.id, Wish.ABORT, "ann"), begin, clock).wish is Wish.ABORT
    assert want(Wanted(rollout.id, Wish.ROLL_BACK, "ann"), begin, clock).wish is Wish.ROLL_BACK


def test_asking_for_one_host_leaves_none_out_that_goes_back_already(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """A roll-back of all stays one of all; one of a host becomes one of both."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    done = tuple(replace(run, state=RunState.SUCCEEDED) for run in rollout.runs)
    going = replace(rollout, phase=Phase.ROLLING_BACK, runs=done)
    web_1, web_2 = (run.host for run in done)
    for scope, expected in (((), ()), ((web_1,), (web_1, web_2))):
        save(begin, replace(going, rollback_scope=scope))
        after = want(Wanted(rollout.id, Wish.ROLL_BACK, "ann", (web_2,)), begin, clock)
        assert after.rollback_scope == expected


def test_hosts_that_another_rollout_has_do_not_go_back_meanwhile(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """Two rollouts would drive the same host; when the newer has ended, it may."""
    approve(begin)
    first = start_rollout(PLAN.id, "bob", begin, clock)
    done = tuple(replace(run, state=RunState.SUCCEEDED) for run in first.runs)
    save(begin, replace(first, phase=Phase.SUCCEEDED, runs=done))
    second = start_rollout(PLAN.id, "bob", begin, clock)
    wanted = Wanted(first.id, Wish.ROLL_BACK, "ann")
    with pytest.raises(ConflictError, match=f"web-1, web-2 is in {second.id}"):
        want(wanted, begin, clock)
    save(begin, replace(second, phase=Phase.ABORTED))
    assert want(wanted, begin, clock).wish is Wish.ROLL_BACK


RACK_A = Group(GroupKind.DOMAIN, "rack-a", 2, (HostId("web-1"),))
RACK_B = Group(GroupKind.DOMAIN, "rack-b", 2, (HostId("db-1"),))
PAIR = Group(GroupKind.AVAILABILITY, "web", 1, (HostId("db-1"),))


@pytest.mark.parametrize(
    ("first", "second", "is_borne"),
    [
        (PLAN.groups, (PAIR,), False),
        (PLAN.groups, (replace(PAIR, name="db"),), True),
        (PLAN.groups, (replace(PAIR, kind=GroupKind.QUORUM),), True),
        ((RACK_A,), (RACK_B,), False),
        ((RACK_A,), (replace(RACK_B, name="rack-a"),), True),
        ((RACK_A,), (), True),
    ],
)
def test_two_rollouts_do_not_share_what_is_to_be_kept_apart(
    begin: UnitOfWorkFactory,
    clock: Clock,
    first: tuple[Group, ...],
    second: tuple[Group, ...],
    is_borne: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """Each would take one of the same pair, or a host of another rack, at the same time."""
    one = replace(PLAN, groups=first)
    other = replace(
        PLAN, title="other", rings=(Ring("ring 1", (HostId("db-1"),), 0),), groups=second
    )
    approve(begin, one)
    approve(begin, other)
    under_way = start_rollout(one.id, "bob", begin, clock)
    if is_borne:
        assert start_rollout(other.id, "bob", begin, clock).plan == other.id
        return
    with pytest.raises(ConflictError, match=f"must not be changed together with {under_way.id}"):
        start_rollout(other.id, "bob", begin, clock)
    save(begin, replace(under_way, phase=Phase.ABORTED))
    assert start_rollout(other.id, "bob", begin, clock).plan == other.id


@pytest.mark.parametrize(
    ("group", "label", "is_borne"),
    [
        (Group(GroupKind.AVAILABILITY, "web", 1, PLAN.hosts), "ha=web", False),
        (Group(GroupKind.AVAILABILITY, "web", 1, PLAN.hosts), "ha=db", True),
        (Group(GroupKind.QUORUM, "web", 2, PLAN.hosts), "quorum=web", False),
        (Group(GroupKind.QUORUM, "web", 3, PLAN.hosts), "quorum=web", True),
        (Group(GroupKind.DOMAIN, "web", 3, PLAN.hosts), "domain=web", True),
    ],
)
def test_a_member_that_did_not_answer_takes_up_its_groups_limit(
    begin: UnitOfWorkFactory,
    clock: Clock,
    group: Group,
    label: str,
    is_borne: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """It is in no ring, so the rollout would take the last of a pair that works."""
    plan = replace(PLAN, groups=(group,))
    approve(begin, plan)
    lost = Host(HostId("web-9"), "web-9", "192.0.2.9", 22, "root", "key", NOW, labels=(label,))
    with begin() as work:
        work.hosts.add(lost)
        work.facts.save_failure(ScanFailure(lost.id, NOW, "no route", "is it up?"))
        work.commit()
    if is_borne:
        assert start_rollout(plan.id, "bob", begin, clock).plan == plan.id
    else:
        with pytest.raises(RefusedError, match="web-9 did not answer the last scan"):
            start_rollout(plan.id, "bob", begin, clock)


UNREACHABLE = (HardSignal.UNREACHABLE,)


@pytest.mark.parametrize(
    ("states", "signals", "why"),
    [
        ((RunState.FAILED,), (), "failed in rollout-0"),
        ((RunState.FAILED, RunState.SKIPPED, RunState.REFUSED), (), "failed in rollout-0"),
        ((RunState.SUCCEEDED, RunState.ROLLBACK_FAILED), (), "could not be put back in rollout-1"),
        ((RunState.SUCCEEDED, RunState.REFUSED), UNREACHABLE, "could not be reached in rollout-1"),
        ((RunState.FAILED, RunState.SUCCEEDED), (), None),
        ((RunState.FAILED, RunState.ROLLED_BACK), (), None),
        ((RunState.SUCCEEDED, RunState.REFUSED), (), None),
    ],
)
def test_a_member_that_an_earlier_rollout_left_down_counts(
    begin: UnitOfWorkFactory,
    clock: Clock,
    states: tuple[RunState, ...],
    signals: tuple[HardSignal, ...],
    why: str | None,
) -> None:
    """It answers scans, and that does not say that it does its work."""
    group = Group(GroupKind.AVAILABILITY, "db", 1, PLAN.hosts)
    plan, other = replace(PLAN, groups=(group,)), replace(PLAN, title="other")
    approve(begin, plan)
    approve(begin, other)
    lost = Host(HostId("web-9"), "web-9", "192.0.2.9", 22, "root", "key", NOW, labels=("ha=db",))
    run = replace(start_rollout(other.id, "bob", begin, clock).runs[0], host=lost.id)
    with begin() as work:
        work.hosts.add(lost)
        work.facts.save(lost.id, replace(facts_of("web-9"), collected_at=NOW))
        old = work.rollouts.get("latest")
        work.rollouts.save(replace(old, phase=Phase.ABORTED))
        for number, state in enumerate(states):
            past = replace(
                run, id=HostRunId(f"past-{number}"), state=state, signals=signals,
                ended_at=NOW + timedelta(hours=1 + number),
            )  # fmt: skip
            at = NOW + timedelta(hours=number)
            work.rollouts.save(
                replace(
                    old,
                    id=RolloutId(f"rollout-{number}"),
                    phase=Phase.SUCCEEDED,
                    runs=(past,),
                    started_at=at,
                )
            )
        work.commit()
    if why is None:
        assert start_rollout(plan.id, "bob", begin, clock).plan == plan.id
    else:
        with pytest.raises(RefusedError, match=f"web-9 {why}"):
            start_rollout(plan.id, "bob", begin, clock)


def test_a_host_is_in_one_rollout_at_a_time(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """Another plan with one host in common waits; when the first has ended, it may start."""
    other = replace(PLAN, title="other", rings=PLAN.rings[:1])
    approve(begin)
    approve(begin, other)
    first = start_rollout(PLAN.id, "bob", begin, clock)
    with pytest.raises(ConflictError, match=rf"web-1 is in {first.id}, which is waiting"):
        start_rollout(other.id, "bob", begin, clock)
    save(begin, replace(first, phase=Phase.SUCCEEDED))
    assert start_rollout(other.id, "bob", begin, clock).plan == other.id


def test_each_rollout_of_a_plan_has_its_own_number(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """A second one does not take the transactions of the first for its own."""
    approve(begin)
    first = start_rollout(PLAN.id, "bob", begin, clock)
    save(begin, replace(first, phase=Phase.ABORTED))
    second = start_rollout(PLAN.id, "bob", begin, clock)
    assert (first.id[-2:], second.id[-2:]) == ("-1", "-2")
    assert not {r.transaction for r in first.runs} & {r.transaction for r in second.runs}


@pytest.mark.parametrize(
    ("phase", "wish", "makes_sense"),
    [
        (Phase.WAITING, Wish.PAUSE, True),
        (Phase.PAUSED, Wish.PAUSE, False),
        (Phase.PAUSED, Wish.RESUME, True),
        (Phase.WAITING, Wish.RESUME, False),
        (Phase.PROGRESSING, Wish.ABORT, True),
        (Phase.SUCCEEDED, Wish.ABORT, False),
        (Phase.WAITING, Wish.ROLL_BACK, False),
        (Phase.ROLLING_BACK, Wish.ABORT, False),
        (Phase.ROLLING_BACK, Wish.PAUSE, False),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    begin: UnitOfWorkFactory,
    clock: Clock,
    phase: Phase,
    wish: Wish,
    makes_sense: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """It would wait for ever; the present state is named instead."""
    approve(begin)
    rollout = replace(start_rollout(PLAN.id, "bob", begin, clock), phase=phase)
    save(begin, rollout)
    wanted = Wanted(rollout.id, wish, "bob")
    if makes_sense:
        after = want(wanted, begin, clock)
        assert after.wish is wish or after.phase is Phase.ABORTED
    else:
        with pytest.raises(ConflictError, match=phase.value):
            want(wanted, begin, clock)


def test_the_last_rollout_that_changed_a_host_is_found(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """One that only waited has changed nothing."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    with pytest.raises(RefusedError, match="no rollout has changed web-1"):
        last_rollout_of(HostId("web-1"), begin)
    done = replace(rollout.runs[0], state=RunState.SUCCEEDED)
    save(begin, replace(rollout, runs=(done, *rollout.runs[1:])))
    assert last_rollout_of(HostId("web-1"), begin).id == rollout.id


@pytest.mark.parametrize("wish", [Wish.ROLL_BACK, Wish.RESUME])
def test_no_host_is_changed_by_a_plan_that_was_changed(
    begin: UnitOfWorkFactory, clock: Clock, tmp_path: Path, wish: Wish
) -> None:
    """The wish is not even stored: nobody could grant it, and nothing else could be asked."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    done = replace(rollout.runs[0], state=RunState.SUCCEEDED)
    save(begin, replace(rollout, phase=Phase.PAUSED, runs=(done, rollout.runs[1])))
    _forge(tmp_path, document=to_document(FORGED))
    with pytest.raises(StorageError):
        want(Wanted(rollout.id, wish, "bob"), begin, clock)
    with begin() as work:
        assert work.rollouts.get(rollout.id).wish is Wish.NONE


def test_an_abort_needs_nobody_while_no_host_is_at_work(
    begin: UnitOfWorkFactory, clock: Clock, tmp_path: Path, actions: Callable[[], list[Action]]
) -> None:
    """Not even the plan, so that a rollout can always be ended; a host at work ends first."""
    approve(begin)
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    _forge(tmp_path, document=to_document(FORGED))
    busy = replace(rollout.runs[0], state=RunState.UPGRADING)
    save(begin, replace(rollout, phase=Phase.PROGRESSING, runs=(busy, rollout.runs[1])))
    assert want(Wanted(rollout.id, Wish.ABORT, "bob"), begin, clock).wish is Wish.ABORT
    save(begin, rollout)
    ended = want(Wanted(rollout.id, Wish.ABORT, "bob"), begin, clock)
    assert (ended.phase, ended.wish) == (Phase.ABORTED, Wish.NONE)
    assert {run.state for run in ended.runs} == {RunState.SKIPPED}
    assert actions()[-3:] == [Action.ROLLOUT_CHANGED] + 2 * [Action.HOST_RUN_CHANGED]


def test_rollouts_that_have_nothing_to_do_with_it_are_not_read(
    begin: UnitOfWorkFactory, clock: Clock, tmp_path: Path
) -> None:
    """They are many, and one of them that is damaged keeps no other from being started."""
    approve(begin)
    other = replace(PLAN, title="other")
    approve(begin, other)
    old = start_rollout(other.id, "bob", begin, clock)
    save(begin, replace(old, phase=Phase.SUCCEEDED))
    _forge(tmp_path, host_runs, document=b"{", host="another")
    rollout = start_rollout(PLAN.id, "bob", begin, clock)
    done = replace(rollout.runs[0], state=RunState.SUCCEEDED)
    save(begin, replace(rollout, runs=(done, *rollout.runs[1:])))
    assert last_rollout_of(HostId("web-1"), begin).id == rollout.id
