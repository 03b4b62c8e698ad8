"""How a ring goes whose hosts must not all be at work at once: pairs, quorums, failure domains."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from oakum.core.ids import HostId
from oakum.core.planning.openings import HostOpenings
from oakum.core.planning.plan import Group, GroupKind


@dataclass(frozen=True, slots=True)
class Begun:
    """A host that was given a place, and when."""

    host: HostId
    begins_at: datetime
    ends_at: datetime


def walk(
    lengths: Mapping[HostId, int],
    begin: datetime,
    concurrency: int,
    bound: Mapping[HostId, HostOpenings],
    groups: Iterable[Group],
) -> list[Begun] | None:
    """Give places as a rollout does, each time that a host ends or may begin.

    Lengths: how many seconds each host takes. None where one of them never may begin.

    Hosts are asked in their order: who is held back lets those behind it go first.
    """
    limits, begun, now = _Limits(groups), list[Begun](), begin
    waiting, at_work = list(lengths), list[tuple[datetime, HostId]]()
    while waiting:
        left, following = list[HostId](), [at_work[0][0]] if at_work else []
        for host in waiting:
            opens = bound[host].next_begin(now) if host in bound else now
            if opens == now and len(at_work) < concurrency and limits.admits(host):
                limits.take(host)
                begun.append(Begun(host, now, now + timedelta(seconds=lengths[host])))
                heapq.heappush(at_work, (begun[-1].ends_at, host))
                continue
            left.append(host)
            if opens is not None and opens > now:
                following.append(opens)
        waiting = left
        following += [at_work[0][0]] if at_work else []
        if not following:
            return begun if not waiting else None
        now = min(following)
        while at_work and at_work[0][0] <= now:
            limits.free(heapq.heappop(at_work)[1])
    return begun


@dataclass(slots=True)
class _Limits:
    """How much of each group is at work."""

    groups: Iterable[Group]
    _of: dict[HostId, list[Group]] = field(default_factory=dict)
    _at_work: Counter[tuple[GroupKind, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for group in self.groups:
            for host in group.hosts:
                self._of.setdefault(host, []).append(group)

    def admits(self, host: HostId) -> bool:
        """Tell whether every group of a host bears it."""
        return all(self._bears(group) for group in self._of.get(host, ()))

    def take(self, host: HostId) -> None:
        """Count a host as at work."""
        self._at_work.update((g.kind, g.name) for g in self._of.get(host, ()))

    def free(self, host: HostId) -> None:
        """Count it no more."""
        self._at_work.subtract((g.kind, g.name) for g in self._of.get(host, ()))

    def _bears(self, group: Group) -> bool:
        if group.kind is GroupKind.DOMAIN:
            return not any(
                count
                for (kind, name), count in self._at_work.items()
                if kind is GroupKind.DOMAIN and name != group.name
            )
        return self._at_work[group.kind, group.name] < group.limit
