"""How long a rollout will take, when it will end, and what holds it up most."""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from oakum.core.ids import HostId
from oakum.core.planning.group_prediction import walk
from oakum.core.planning.hook import Hook
from oakum.core.planning.openings import HostOpenings
from oakum.core.planning.plan import HostClass, Plan, RebootPolicy, Ring
from oakum.core.planning.schedule import openings_by_host
from oakum.core.text import counted

SECONDS_A_HOST = 20
SECONDS_A_PACKAGE = 1
SECONDS_A_REBOOT = 45
SECONDS_A_HOOK = 10
SECONDS_A_LOOK = 5
"""First guesses: of a small host on a local network."""
LOOKS_AT_ONCE = 100
"""Hosts that one process drives where nothing else is set: a second look has no other limit.

On loopback one look took 0.4 s, and twenty at once 4.7 s, with the hosts on the same two cores.
"""
PERCENT = 100
Number = TypeVar("Number", int, float)
HUNG_AFTER = 20
"""So many times its prediction, a transaction that still runs will not end by itself."""
ALLOWED_AT_LEAST = timedelta(minutes=30)
"""Slow disks and slow networks are no hangs."""
FEWEST = 5
"""Host runs from which a pace is learnt; of fewer, one slow host would be half of what is known."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """When a rollout that begins now will have ended."""

    ends_at: datetime | None
    """None: it does not fit; hosts would be left over."""
    bound_by: str
    """What takes most of the time, or what it does not fit into, in words."""

    def in_words(self) -> str:
        """Return it as a line for people."""
        if self.ends_at is None:
            return f"does not fit: {self.bound_by}"
        return (
            f"about {self.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC; most of it {self.bound_by}"
        )


def seconds_of(host_class: HostClass, pace_percent: int, reboots: RebootPolicy) -> int:
    """Return how long a host of a class is expected to be at work, at a pace."""
    is_rebooted = host_class.needs_reboot and reboots is RebootPolicy.WHEN_NEEDED
    reboot = SECONDS_A_REBOOT if is_rebooted else 0
    guess = _seconds_of_changes(len(host_class.changes)) + reboot
    return math.ceil(guess * pace_percent / PERCENT)


def allowed_for(packages: int, pace_percent: int) -> timedelta:
    """Return after how long a transaction of so many packages counts as hung."""
    predicted = _seconds_of_changes(packages) * pace_percent / PERCENT
    return max(ALLOWED_AT_LEAST, timedelta(seconds=HUNG_AFTER * predicted))


def _seconds_of_changes(packages: int) -> int:
    return SECONDS_A_HOST + SECONDS_A_PACKAGE * packages


def learnt_pace(done: Iterable[tuple[int, int]]) -> int:
    """Return how long hosts took, in percent of the guess, from (guessed, taken) seconds.

    Four of five were as quick or quicker: a window is to be kept by most hosts, not by half.
    """
    ratios = sorted(PERCENT * taken / guessed for guessed, taken in done)
    if len(ratios) < FEWEST:
        return PERCENT
    return max(1, math.ceil(_of_most(ratios)))


def learnt_seconds(done: Sequence[int], hook: Hook) -> int:
    """Return how long a hook will take, from how long it took: four of five were as quick.

    Of too few it is guessed. Never longer than it and its undo may, and never nothing.
    """
    usual = SECONDS_A_HOOK
    if len(done) >= FEWEST:
        usual = _of_most(sorted(done))
    longest = hook.timeout_seconds * (2 if hook.undo else 1)
    return max(1, min(usual, longest))


def _of_most(ordered: Sequence[Number]) -> Number:
    """Return what four of five do not exceed."""
    return ordered[math.ceil(len(ordered) * 4 / 5) - 1]


def seconds_of_plan(plan: Plan) -> Mapping[HostId, int]:
    """Return how long every host of a plan is expected to be at work, its hooks included."""
    found = dict(seconds_of_hosts(plan.classes, plan.pace_percent, plan.reboot_policy))
    for hook in plan.hooks:
        for host in found.keys() & set(hook.hosts):
            found[host] += hook.expected_seconds
    return found


def seconds_of_hosts(
    classes: Iterable[HostClass], pace_percent: int, reboots: RebootPolicy
) -> Mapping[HostId, int]:
    """Return it for every host of these classes."""
    return {host: seconds_of(c, pace_percent, reboots) for c in classes for host in c.hosts}


def seconds_of_looks(ring: Ring, concurrency: int) -> int:
    """Return how long it takes to look at the hosts of a ring again when it has soaked."""
    if not ring.soak_seconds:
        return 0
    return SECONDS_A_LOOK * math.ceil(len(ring.hosts) / max(concurrency, LOOKS_AT_ONCE))


def predicted_seconds(
    rings: Sequence[Ring], seconds: Mapping[HostId, int], concurrency: int
) -> int:
    """Return how long a rollout is expected to take: hosts in rows of `concurrency`, and soaks.

    A soak ends with a second look at the ring.
    """
    total = 0
    for ring in rings:
        lengths = sorted((seconds[host] for host in ring.hosts), reverse=True)
        total += sum(lengths[::concurrency]) + ring.soak_seconds
        total += seconds_of_looks(ring, concurrency)
    return total


def predict(plan: Plan, now: datetime) -> Prediction:
    """Walk through the rings as a rollout would that begins now and in which nothing fails."""
    seconds = seconds_of_plan(plan)
    bare = seconds_of_hosts(plan.classes, plan.pace_percent, plan.reboot_policy)
    bound = openings_by_host(plan.schedule)
    at = max(now, plan.window.opens_at or now)
    opening, waits = at - now, dict[tuple[str, ...], timedelta]()
    work = hooks = soak = looks = measured = apart = timedelta()
    for ring in plan.rings:
        before = _measuring_of(ring, plan)
        at, measured = at + before, measured + before
        free_run = _run(ring.hosts, at, plan.budget.concurrency, seconds, {})
        timed_run = _run(ring.hosts, at, plan.budget.concurrency, seconds, bound)
        real_run = timed_run
        if timed_run is not None and plan.groups:
            real_run = _grouped(ring.hosts, at, plan, seconds, bound)
        if real_run is None or timed_run is None or free_run is None:
            return Prediction(None, _left_over(ring.hosts, bound, at))
        if plan.window.closes_at is not None and real_run.last_begin >= plan.window.closes_at:
            return Prediction(None, f"{ring.name} would go on when the plan's window closes")
        bare_run = free_run
        if plan.hooks:  # else it would be the same again, for each of some twenty predictions
            bare_run = _run(ring.hosts, at, plan.budget.concurrency, bare, {}) or free_run
        work += bare_run.ends_at - at
        hooks += free_run.ends_at - bare_run.ends_at
        held = timed_run.ends_at - free_run.ends_at
        waits[timed_run.held_by] = waits.get(timed_run.held_by, timedelta()) + held
        apart += max(timedelta(), real_run.ends_at - timed_run.ends_at)
        soak += timedelta(seconds=ring.soak_seconds)
        again = timedelta(seconds=seconds_of_looks(ring, plan.budget.concurrency))
        looks += again
        at = real_run.ends_at + timedelta(seconds=ring.soak_seconds) + again
    hosts = counted(len(plan.hosts), "host")
    parts = [
        (work, f"is work on {hosts}, {plan.budget.concurrency} at once"),
        (hooks, "is running hooks"),
        (apart, "is keeping pairs, quorums and failure domains apart"),
        (soak, "is soaking"),
        (looks, "is looking at hosts again after their soaks"),
        (measured, "is measuring hosts before they are changed"),
        (opening, "is waiting for the plan's window"),
        *((held, f"is waiting for {_named(names)}") for names, held in waits.items()),
    ]
    return Prediction(at, max(parts, key=lambda part: part[0])[1])


def _measuring_of(ring: Ring, plan: Plan) -> timedelta:
    """Return how long a ring is measured before it is changed; the last has nobody to pair with."""
    wanted = plan.measurement
    if wanted is None or ring is plan.rings[-1] or not any(map(wanted.of, ring.hosts)):
        return timedelta()
    return timedelta(seconds=wanted.interval_seconds * wanted.rounds_before)


@dataclass(frozen=True, slots=True)
class _Run:
    """How a ring goes."""

    ends_at: datetime
    last_begin: datetime
    held_by: tuple[str, ...]
    """The windows of the host that begins last."""


def _run(
    hosts: Sequence[HostId],
    begin: datetime,
    concurrency: int,
    seconds: Mapping[HostId, int],
    bound: Mapping[HostId, HostOpenings],
) -> _Run | None:
    """Give each free place to the host that may begin first; None when one never may."""
    places = [begin] * min(concurrency, len(hosts))
    ends_at, last_begin, held_by = begin, begin, tuple[str, ...]()
    firsts = []
    for number, host in enumerate(hosts):
        first = _first(bound.get(host), begin)
        if first is None:
            return None
        firsts.append((first, number, host))
    for _, _, host in sorted(firsts):
        starts = _first(bound.get(host), heapq.heappop(places))
        if starts is None:
            return None
        ends = starts + timedelta(seconds=seconds[host])
        heapq.heappush(places, ends)
        ends_at = max(ends_at, ends)
        if starts >= last_begin:
            last_begin = starts
            held_by = bound[host].windows if host in bound else ()
    return _Run(ends_at, last_begin, held_by)


def _grouped(
    hosts: Sequence[HostId],
    begin: datetime,
    plan: Plan,
    seconds: Mapping[HostId, int],
    bound: Mapping[HostId, HostOpenings],
) -> _Run | None:
    lengths = {host: seconds[host] for host in hosts}
    begun = walk(lengths, begin, plan.budget.concurrency, bound, plan.groups)
    if begun is None:
        return None
    last = max(begun, key=lambda each: each.begins_at)
    ends_at = max(each.ends_at for each in begun)
    return _Run(ends_at, last.begins_at, bound[last.host].windows if last.host in bound else ())


def _first(openings: HostOpenings | None, moment: datetime) -> datetime | None:
    return moment if openings is None else openings.next_begin(moment)


def _left_over(
    hosts: Sequence[HostId], bound: Mapping[HostId, HostOpenings], moment: datetime
) -> str:
    never = [h for h in hosts if h in bound and bound[h].next_begin(moment) is None]
    if never:
        return (
            f"{counted(len(never), 'host')} could not begin any more after {moment:%Y-%m-%d %H:%M}"
        )
    named = sorted({_named(bound[host].windows) for host in hosts if host in bound})
    return f"there is not enough time in {', '.join(named)} for {counted(len(hosts), 'host')}"


def _named(windows: tuple[str, ...]) -> str:
    return f"the window {', '.join(windows)}" if windows else "the end of a freeze"
