"""Which hosts may begin now by the clock: the plan's schedule, asked for each host."""

from collections.abc import Iterable
from datetime import datetime

from oakum.core.planning.openings import HostOpenings
from oakum.core.planning.schedule import openings_by_host
from oakum.core.rollout.rollout import HostRun

Schedule = tuple[HostOpenings, ...]


def in_time(runs: Iterable[HostRun], schedule: Schedule, now: datetime) -> list[HostRun]:
    """Return the runs whose hosts may begin now."""
    closed = {h for o in schedule if not o.may_begin(now) for h in o.hosts}
    return [run for run in runs if run.host not in closed]


def next_begin(runs: Iterable[HostRun], schedule: Schedule, now: datetime) -> datetime | None:
    """Return when the first of these hosts may begin; None when none of them ever may again."""
    bound = openings_by_host(schedule)
    nexts = [bound[run.host].next_begin(now) if run.host in bound else now for run in runs]
    return min((moment for moment in nexts if moment is not None), default=None)


def too_late(runs: Iterable[HostRun], schedule: Schedule, now: datetime) -> list[HostRun]:
    """Return the runs whose hosts may not begin any more."""
    over = {h for o in schedule if o.next_begin(now) is None for h in o.hosts}
    return [run for run in runs if run.host in over]
