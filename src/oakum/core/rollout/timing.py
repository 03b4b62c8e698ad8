"""Which hosts may begin now by the clock: the plan's schedule, and what is frozen beside it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from oakum.core.ids import HostId
from oakum.core.planning.openings import Freeze, HostFreeze, HostOpenings
from oakum.core.planning.schedule import openings_by_host
from oakum.core.rollout.rollout import HostRun, Rollout


def in_time(runs: Iterable[HostRun], rollout: Rollout, now: datetime) -> list[HostRun]:
    """Return the runs whose hosts may begin now."""
    frozen = [held for held in rollout.freezes if held.is_in_force(now)]
    if any(not held.hosts for held in frozen):
        return []
    closed = {h for o in rollout.schedule if not o.may_begin(now) for h in o.hosts}
    closed |= {host for held in frozen for host in held.hosts}
    return [run for run in runs if run.host not in closed]


def next_begin(runs: Iterable[HostRun], rollout: Rollout, now: datetime) -> datetime | None:
    """Return when the first of these hosts may begin; None when none of them ever may again."""
    bound = openings_by_host(rollout.schedule)
    freezes = _freezes_by_host(rollout.freezes)
    everyones = freezes.get(None, [])
    nexts = (
        _next_begin(bound.get(run.host), [*everyones, *freezes.get(run.host, [])], now)
        for run in runs
    )
    return min((moment for moment in nexts if moment is not None), default=None)


def too_late(runs: Sequence[HostRun], rollout: Rollout, now: datetime) -> list[HostRun]:
    """Return the runs whose windows are over; all of them, where none may ever begin again.

    None when the plan's own window is over: who resumes cannot do without every host that is left.
    """
    if rollout.window.is_over(now):
        return []
    following = next_begin(runs, rollout, now)
    if following is None or rollout.window.is_over(following):
        return list(runs)
    # What is frozen may be lifted while others begin, so that alone leaves none of them out.
    over = {h for o in rollout.schedule if o.next_begin(now) is None for h in o.hosts}
    return [run for run in runs if run.host in over]


def holding(runs: Iterable[HostRun], rollout: Rollout, now: datetime) -> Freeze | None:
    """Return the freeze that holds any of these hosts now; of several, the one that lasts."""
    hosts = {run.host for run in runs}
    held = [
        each.freeze
        for each in rollout.freezes
        if each.is_in_force(now) and (not each.hosts or not hosts.isdisjoint(each.hosts))
    ]
    return max(held, key=lambda freeze: freeze.ends_at, default=None)


def _freezes_by_host(freezes: Iterable[HostFreeze]) -> dict[HostId | None, list[Freeze]]:
    """Return what binds each host; None stands for every host."""
    found: dict[HostId | None, list[Freeze]] = {}
    for held in freezes:
        for host in held.hosts or (None,):
            found.setdefault(host, []).append(held.freeze)
    return found


def _next_begin(
    openings: HostOpenings | None, freezes: list[Freeze], now: datetime
) -> datetime | None:
    moment: datetime | None = now
    while moment is not None:
        moment = openings.next_begin(moment) if openings else moment
        ends = [f.ends_at for f in freezes if moment and f.begins_at <= moment < f.ends_at]
        if not ends:
            return moment
        moment = max(ends)
    return None
