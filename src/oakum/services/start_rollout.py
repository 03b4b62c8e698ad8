"""Start a rollout of an approved plan, and pass on what people want of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from oakum.core.audit.event import Action
from oakum.core.errors import ConflictError, RefusedError
from oakum.core.ids import HostId, HostRunId, RolloutId, TransactionId
from oakum.core.inventory.host import Host
from oakum.core.planning.plan import Group, GroupKind, Plan
from oakum.core.rollout.decide import settle
from oakum.core.rollout.hooks import Hooks, planned_hooks
from oakum.core.rollout.past import why_down
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.services.assign_hosts import plan_of, ring_of
from oakum.services.record_changes import Change, changes_between, record


def start_rollout(plan_id: str, by: str, begin: UnitOfWorkFactory, clock: Clock) -> Rollout:
    """Store a new rollout, ready to be driven, and return it.

    Raises RefusedError when the plan as it is stored now is not the one that was approved, and
    ConflictError when a host of it is in another rollout that has not ended.
    """
    with begin() as work:
        plan = work.plans.get(plan_id)
        _require_approval(plan, work)
        _require_window(plan, clock)
        _require_free_hosts(plan.hosts, work)
        _require_free_groups(plan.groups, work)
        _require_others(plan, work)
        number = 1 + work.rollouts.count_of(plan.id)
        rollout = _rollout(plan, number, by, clock)
        work.rollouts.save(rollout)
        work.audit.append(
            at=rollout.started_at,
            actor=by,
            action=Action.ROLLOUT_STARTED,
            subject=rollout.id,
            details={
                "plan": plan.id,
                "digest": plan.digest,
                "snapshot": plan.snapshot,
                "rings": [{"name": ring.name, "hosts": list(ring.hosts)} for ring in plan.rings],
                **plan.caveats(),
            },
        )
        work.commit()
    return rollout


def _require_approval(plan: Plan, work: UnitOfWork) -> None:
    approvals = work.plans.approvals(plan.id)
    if not approvals:
        raise RefusedError(
            f"{plan.id} is not approved",
            hint=f"read it with `oakum plan show {plan.id}`, then `oakum approve {plan.id}`",
        )
    if all(approval.digest != plan.digest for approval in approvals):
        raise RefusedError(
            f"{plan.id} was changed after its approval: approved was "
            f"{approvals[-1].digest[:12]}, the plan is now {plan.digest[:12]}",
            hint="an approval binds to one digest; create the plan anew",
        )


def _require_window(plan: Plan, clock: Clock) -> None:
    if plan.window.is_over(clock.now()):
        raise RefusedError(
            f"{plan.id} could start no host: its window closed at "
            f"{plan.window.closes_at:%Y-%m-%d %H:%M %Z}",
            hint="create the plan anew with a window to come",
        )


def _require_free_hosts(planned: Iterable[HostId], work: UnitOfWork) -> None:
    hosts = set(planned)
    rollout = unfinished_rollout_of(hosts, work)
    if rollout is not None:
        shared = {run.host for run in rollout.runs} & hosts
        names = sorted(host.name for host in work.hosts.all() if host.id in shared)
        raise _in_the_way(f"{', '.join(names or sorted(shared))} is in", rollout)


def _require_free_groups(groups: Sequence[Group], work: UnitOfWork) -> None:
    """Raise ConflictError where another rollout may be at work on others of the same groups.

    Each rollout keeps to its limits by itself: two at once would take both of a pair down.
    """
    for rollout in work.rollouts.unfinished():
        for group in groups:
            for other in rollout.groups:
                is_same = (group.kind, group.name) == (other.kind, other.name)
                is_domain = group.kind is other.kind is GroupKind.DOMAIN
                # One domain at a time: the same is borne, and another is not.
                if is_same is not is_domain:
                    what = f"{group.kind.value}={group.name}"
                    raise _in_the_way(f"hosts of {what} must not be changed together with", rollout)


def _require_others(plan: Plan, work: UnitOfWork) -> None:
    """Raise RefusedError where members that the plan leaves alone are down as far as is known.

    The rollout sees its own hosts only, and would take as many down as if all others were well.
    """
    groups = {
        f"{group.kind.value}={group.name}": group
        for group in plan.groups
        if group.kind is not GroupKind.DOMAIN
    }
    if not groups:
        return
    planned = set(plan.hosts)
    others = [
        host
        for host in work.hosts.all()
        if host.id not in planned and not groups.keys().isdisjoint(host.labels)
    ]
    reasons = reasons_down(others, work)
    for label, group in groups.items():
        down = [
            f"{host.name} {reasons[host.id]}"
            for host in others
            if label in host.labels and host.id in reasons
        ]
        if down and len(down) + min(group.limit, len(group.hosts)) > group.limit:
            raise RefusedError(
                f"{label} bears {group.limit} of its hosts at work or down, and {', '.join(down)}",
                hint="mend it: one that was silent counts again when a scan reaches it, one that "
                "failed when it was rolled back (`oakum rollback HOST`), a rollout with it ends "
                "well, or you say that it is well (`oakum scan`, then `oakum hosts mended HOST "
                "--reason …`). Of a quorum, a plan with fewer of its hosts (--limit) may do",
            )


def reasons_down(hosts: Sequence[Host], work: UnitOfWork) -> dict[HostId, str]:
    """Return why hosts count as down, as far as scans and past rollouts tell; of those that do."""
    silent, last_seen = work.facts.failures(), work.facts.last_seen()
    found = dict[HostId, str]()
    for host in hosts:
        if host.id in silent:
            found[host.id] = "did not answer the last scan"
            continue
        if why := why_down(work.rollouts.runs_of(host.id), last_seen.get(host.id), host.mended_at):
            found[host.id] = why
    return found


def _in_the_way(what: str, rollout: Rollout) -> ConflictError:
    return ConflictError(
        f"{what} {rollout.id}, which is {rollout.phase.value}",
        hint=f"`oakum rollout watch {rollout.id}` takes it up, "
        f"`oakum rollout abort {rollout.id}` ends it",
    )


def unfinished_rollout_of(hosts: Iterable[HostId], work: UnitOfWork) -> Rollout | None:
    """Return the oldest rollout that has not ended and that any of these hosts is in."""
    asked = set(hosts)
    return next(
        (
            rollout
            for rollout in work.rollouts.unfinished()
            if any(run.host in asked for run in rollout.runs)
        ),
        None,
    )


def _rollout(plan: Plan, number: int, by: str, clock: Clock) -> Rollout:
    name = f"rollout-{plan.digest[:12]}-{number}"
    hooks = planned_hooks(plan.hooks)
    return Rollout(
        id=RolloutId(name),
        plan=plan.id,
        plan_digest=plan.digest,
        phase=Phase.WAITING,
        reason="created",
        ring=0,
        rings=tuple(ring_of(ring) for ring in plan.rings),
        runs=tuple(
            _run(name, host, ring, hooks.get(host, ()))
            for ring, members in enumerate(plan.rings)
            for host in members.hosts
        ),
        concurrency=plan.budget.concurrency,
        max_failed=plan.budget.max_failed,
        base_rate_ppm=plan.budget.base_rate_ppm,
        groups=plan.groups,
        schedule=plan.schedule,
        measurement=plan.measurement,
        lane=None if plan.lane is None else plan.lane.lane,
        opens_at=plan.window.opens_at,
        closes_at=plan.window.closes_at,
        started_by=by,
        started_at=clock.now(),
    )


def _run(rollout: str, host: HostId, ring: int, hooks: Hooks) -> HostRun:
    # A host that was added again is called `name:2`; a transaction is a file and a unit there.
    transaction = f"{rollout}.{host.replace(':', '-again-')}"
    return HostRun(
        id=HostRunId(f"{rollout}.{host}"),
        host=host,
        ring=ring,
        state=RunState.PENDING,
        reason=f"waits for ring {ring + 1}",
        transaction=TransactionId(transaction),
        rollback_transaction=TransactionId(f"{transaction}.undo"),
        hooks=hooks,
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person's wish for a rollout."""

    rollout: str
    wish: Wish
    by: str
    hosts: tuple[HostId, ...] = ()
    """For a roll-back: only these."""


def want(wanted: Wanted, begin: UnitOfWorkFactory, clock: Clock) -> Rollout:
    """Store the wish; whoever drives the rollout grants it at its next step.

    An abort while no host is at work needs nobody: it is granted at once, whatever has become of
    the plan. Raises RefusedError where hosts would be changed by a plan that nobody approved.
    """
    with begin() as work:
        rollout = work.rollouts.get(wanted.rollout)
        _require_sense(rollout, wanted.wish)
        _require_no_stronger_wish(rollout, wanted.wish)
        if wanted.wish in {Wish.ROLL_BACK, Wish.RESUME}:
            plan_of(rollout, work)
        if rollout.phase.is_final:
            _require_free_hosts(_scope(wanted, rollout) or _changed(rollout), work)
            _require_free_groups(rollout.groups, work)
        after = replace(rollout, wish=wanted.wish, rollback_scope=_scope(wanted, rollout))
        is_rollback = wanted.wish is Wish.ROLL_BACK
        asked = Change(
            Action.ROLLBACK_STARTED if is_rollback else Action.ROLLOUT_CHANGED,
            rollout.id,
            {"wish": wanted.wish.value, "hosts": list(wanted.hosts)},
        )
        if wanted.wish is Wish.ABORT and not any(run.state.is_busy for run in rollout.runs):
            after = settle(after, clock.now())
        work.rollouts.save(after, rollout)
        changes = (asked, *changes_between(rollout, after))
        record(changes, work, at=clock.now(), actor=wanted.by)
        work.commit()
    return after


def _scope(wanted: Wanted, rollout: Rollout) -> tuple[HostId, ...]:
    """Return which hosts are to go back: none that was to do so already is left out."""
    is_going_back = rollout.phase is Phase.ROLLING_BACK or rollout.wish is Wish.ROLL_BACK
    if wanted.wish is not Wish.ROLL_BACK or not is_going_back:
        return wanted.hosts
    if not wanted.hosts or not rollout.rollback_scope:
        return ()
    return tuple(dict.fromkeys((*rollout.rollback_scope, *wanted.hosts)))


def _changed(rollout: Rollout) -> tuple[HostId, ...]:
    return tuple(run.host for run in rollout.runs if run.may_have_changed)


def _require_sense(rollout: Rollout, wish: Wish) -> None:
    if not _makes_sense(rollout, wish):
        raise ConflictError(
            f"{rollout.id} is {rollout.phase.value}: there is nothing to {wish.value}",
            hint=f"`oakum rollout show {rollout.id}` tells how each host stands",
        )


def _require_no_stronger_wish(rollout: Rollout, wish: Wish) -> None:
    """Raise ConflictError where a person asked for its end, and nobody has yet carried it out."""
    stronger = {Wish.ROLL_BACK: "rolled back", Wish.ABORT: "aborted"}
    is_stronger = wish not in {rollout.wish, Wish.ROLL_BACK}
    if rollout.wish in stronger and is_stronger:
        raise ConflictError(
            f"{rollout.id} is about to be {stronger[rollout.wish]}, as a person asked",
            hint=f"`oakum rollout watch {rollout.id}` carries that out",
        )


def _makes_sense(rollout: Rollout, wish: Wish) -> bool:
    match wish:
        case Wish.ROLL_BACK:
            return any(run.may_have_changed for run in rollout.runs)
        case Wish.RESUME:
            return rollout.phase is Phase.PAUSED
        case Wish.PAUSE:
            return rollout.phase in {Phase.WAITING, Phase.PROGRESSING}
        case Wish.ABORT:
            # A roll-back that is left half-way leaves hosts that nobody rehearsed.
            return not rollout.phase.is_final and rollout.phase is not Phase.ROLLING_BACK
        case Wish.NONE:
            return not rollout.phase.is_final


def last_rollout_of(host: HostId, begin: UnitOfWorkFactory) -> Rollout:
    """Return the latest rollout that changed a host and has not put it back."""
    with begin() as work:
        for rollout, run in work.rollouts.runs_of(host):
            if run.may_have_changed:
                return work.rollouts.get(rollout)
    raise RefusedError(
        f"no rollout has changed {host}, or it has been rolled back already",
        hint="`oakum rollout list` shows every rollout",
    )
