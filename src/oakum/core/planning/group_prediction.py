"""How a ring goes whose hosts must not all be at work at once: pairs, quorums, failure domains."""

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
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
    limits = _Limits(groups)
    queues = _queues(lengths, bound, limits)
    row = _Row(
        lengths, concurrency, begin, limits, ready=[(queue[0].turn, queue) for queue in queues]
    )
    heapq.heapify(row.ready)
    while row.advance():
        pass
    return row.begun if len(row.begun) == len(lengths) else None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A host that waits, and its place in the order."""

    turn: int
    host: HostId
    openings: HostOpenings | None


Queue = deque[_Waiting]
"""Hosts that the same groups and the same openings hold back: only the first need be asked."""


def _queues(
    lengths: Iterable[HostId], bound: Mapping[HostId, HostOpenings], limits: "_Limits"
) -> list[Queue]:
    found: dict[object, Queue] = {}
    for turn, host in enumerate(lengths):
        openings = bound.get(host)
        key = (id(openings), tuple(map(_key, limits.of(host))))
        found.setdefault(key, deque()).append(_Waiting(turn, host, openings))
    return list(found.values())


@dataclass(slots=True)
class _Row:
    """Hosts at work and queues that wait: for a place, for an opening, or for a group."""

    lengths: Mapping[HostId, int]
    concurrency: int
    now: datetime
    limits: "_Limits"
    ready: list[tuple[int, Queue]]
    closed: list[tuple[datetime, int, Queue]] = field(default_factory=list)
    at_work: list[tuple[datetime, HostId]] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)

    def advance(self) -> bool:
        """Begin what may begin now, and go on to the next moment; tell whether there is one."""
        while self.ready and len(self.at_work) < self.concurrency:
            _, queue = heapq.heappop(self.ready)
            self._ask(queue)
        moments = [self.at_work[0][0]] if self.at_work else []
        moments += [self.closed[0][0]] if self.closed else []
        if not moments:
            return False
        self.now = min(moments)
        while self.at_work and self.at_work[0][0] <= self.now:
            for queue in self.limits.free(heapq.heappop(self.at_work)[1]):
                self._line_up(queue)
        while self.closed and self.closed[0][0] <= self.now:
            self._line_up(heapq.heappop(self.closed)[2])
        return True

    def _line_up(self, queue: Queue) -> None:
        heapq.heappush(self.ready, (queue[0].turn, queue))

    def _ask(self, queue: Queue) -> None:
        """Begin the first of a queue, or let it wait for what holds it back."""
        first = queue[0]
        opens = self.now if first.openings is None else first.openings.next_begin(self.now)
        if opens is None:
            return  # nor does any other of the queue
        if opens > self.now:
            heapq.heappush(self.closed, (opens, first.turn, queue))
        elif not self.limits.hold_back(first.host, queue):
            queue.popleft()
            self.limits.take(first.host)
            ends_at = self.now + timedelta(seconds=self.lengths[first.host])
            self.begun.append(Begun(first.host, self.now, ends_at))
            heapq.heappush(self.at_work, (ends_at, first.host))
            if queue:
                self._line_up(queue)


Key = tuple[GroupKind, str]


def _key(group: Group) -> Key:
    return group.kind, group.name


@dataclass(slots=True)
class _Limits:
    """How much of each group is at work, and who waits for less of it."""

    groups: Iterable[Group]
    _of: dict[HostId, list[Group]] = field(default_factory=dict)
    _at_work: Counter[Key] = field(default_factory=Counter)
    _domains: set[str] = field(default_factory=set)
    """Those that have a host at work: never more than one."""
    _held: dict[Key, list[Queue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in self.groups:
            for host in group.hosts:
                self._of.setdefault(host, []).append(group)

    def of(self, host: HostId) -> Sequence[Group]:
        """Return the groups of a host."""
        return self._of.get(host, ())

    def hold_back(self, host: HostId, queue: Queue) -> bool:
        """Keep a queue until a group that does not bear its first host bears more; tell so."""
        for group in self.of(host):
            if not self._bears(group):
                self._held.setdefault(self._waits_for(group), []).append(queue)
                return True
        return False

    def take(self, host: HostId) -> None:
        """Count a host as at work."""
        for group in self.of(host):
            self._at_work[_key(group)] += 1
            if group.kind is GroupKind.DOMAIN:
                self._domains.add(group.name)

    def free(self, host: HostId) -> list[Queue]:
        """Count it no more; return the queues that this may let go on."""
        freed: list[Queue] = []
        for group in self.of(host):
            key = _key(group)
            self._at_work[key] -= 1
            if group.kind is not GroupKind.DOMAIN:
                freed += self._held.pop(key, ())
            elif not self._at_work[key]:
                self._domains.discard(group.name)
                freed += self._held.pop(key, ())
        return freed

    def _bears(self, group: Group) -> bool:
        if group.kind is GroupKind.DOMAIN:
            return self._domains <= {group.name}
        return self._at_work[_key(group)] < group.limit

    def _waits_for(self, group: Group) -> Key:
        """Return what must become less: for a failure domain another one that is at work."""
        if group.kind is not GroupKind.DOMAIN:
            return _key(group)
        return GroupKind.DOMAIN, next(name for name in self._domains if name != group.name)
