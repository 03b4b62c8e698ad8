"""Rollouts over 10,000 simulated hosts, decided by Oakum's own `settle` and `advance`.

usage: python -m benchmarks.rollout_simulation [--seeds 1000] [--hosts 10000] [--processes 2]
       [--plot docs/rollout-simulation.svg]

Each host has a zone (two failure domains); one in ten stands in a pair and one in twenty in a
quorum of five. Failures are drawn per host from the seed, as failed checks: no hard signal helps
the gate. One host in 500 cannot be reached at all; where that holds
others up, a person resumes without them. A step is five minutes, in which four of five
hosts at work get one state further. Prints a table; exits with 1 when a limit was ever broken.
"""

import argparse
import gc
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from multiprocessing import Pool
from pathlib import Path

from oakum.core.ids import Digest, HostId, HostRunId, PlanId, RolloutId, TransactionId
from oakum.core.planning.plan import Group, GroupKind
from oakum.core.rollout.decide import settle
from oakum.core.rollout.host_run import Work, advance, work_for
from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
)
from oakum.core.rollout.rollout import HostRun, Rollout, RolloutRing
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.core.rollout.transaction import TransactionState, TransactionStatus

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
OPENS, CLOSES = START + timedelta(hours=1), START + timedelta(days=3)
STEP = timedelta(minutes=5)
STEPS = 3000
SHARES = (0.01, 0.05, 0.20, 1.0)
SCENARIOS = {"breaks 10 %": 0.10, "1 % fail anyway": 0.01}
DAMAGE_ALLOWED, FALSE_HALTS_ALLOWED = 0.006, 0.05
DONE = TransactionSeen(
    TransactionStatus(TransactionState.SUCCEEDED, "self-check", "", ()), may_reboot=False
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one rollout."""

    damaged: int
    """Hosts that the patch broke: their change was begun, and they fail."""
    halted: bool
    end: str
    violations: tuple[str, ...]


@cache
def make_rollout(hosts: int) -> Rollout:
    """Return a rollout that has not begun."""
    edges = [round(hosts * share) for share in SHARES]
    runs = tuple(
        _run(number, next(r for r, e in enumerate(edges) if number < e)) for number in range(hosts)
    )
    return Rollout(
        id=RolloutId("simulated"),
        plan=PlanId("plan-simulated"),
        plan_digest=Digest("ab" * 32),
        phase=Phase.WAITING,
        reason="created",
        ring=0,
        rings=tuple(RolloutRing(f"ring {n + 1}", 3600) for n in range(len(SHARES))),
        runs=runs,
        concurrency=hosts // 10,
        max_failed=hosts * 3 // 100,
        opens_at=OPENS,
        closes_at=CLOSES,
        started_by="benchmark",
        started_at=START,
        groups=_groups(hosts),
    )


def _run(number: int, ring: int) -> HostRun:
    name = f"h{number}"
    undo = TransactionId(f"{name}.undo")
    return HostRun(
        HostRunId(name), HostId(name), ring, RunState.PENDING, "waits", TransactionId(name), undo
    )


def _groups(hosts: int) -> tuple[Group, ...]:
    zones = [Group(GroupKind.DOMAIN, f"zone-{n}", 1, _named(range(n, hosts, 2))) for n in range(2)]
    pairs = [
        Group(GroupKind.AVAILABILITY, f"pair-{n}", 1, _named((n, n + 1)))
        for n in range(0, hosts, 20)
    ]
    quorums = [
        Group(GroupKind.QUORUM, f"quorum-{n}", 2, _named(range(n, n + 5)))
        for n in range(10, hosts, 100)
    ]
    return (*zones, *pairs, *quorums)


def _named(numbers: Sequence[int] | range) -> tuple[HostId, ...]:
    return tuple(HostId(f"h{number}") for number in numbers)


def simulate(seed: int, *, rate: float, hosts: int) -> Result:
    """Carry one rollout out to its end."""
    chance = random.Random(seed)  # noqa: S311 (seeded, so that each result can be repeated)
    broken = {HostId(f"h{n}") for n in range(hosts) if chance.random() < rate}
    lost = {HostId(f"h{n}") for n in range(hosts) if chance.random() < 1 / 500}
    rollout, now = make_rollout(hosts), START
    watch = Watch(rollout)
    for _ in range(STEPS):
        before, rollout = rollout, settle(rollout, now)
        watch.look(before, rollout, now)
        if rollout.phase is Phase.PAUSED and now < CLOSES:
            rollout = replace(rollout, wish=Wish.RESUME)  # a person goes on without who is lost
            continue
        if rollout.phase.is_final or rollout.phase is Phase.PAUSED:
            break
        runs = list(rollout.runs)
        for place, run in enumerate(runs):
            if run.state.is_busy and chance.random() < 0.8:  # noqa: PLR2004 (see above)
                seen = observe(run, broken, lost)
                runs[place] = advance(run, seen, now)
                if runs[place].state is RunState.UPGRADING and run.host in broken:
                    watch.damaged.add(run.host)
        rollout = replace(rollout, runs=tuple(runs))
        now += STEP
    if not rollout.phase.is_final and rollout.phase is not Phase.PAUSED:
        watch.violations.append("never ended")
    if rollout.phase.is_final and not all(run.state.is_final for run in rollout.runs):
        watch.violations.append("a host did not end")
    return Result(len(watch.damaged), watch.halted, rollout.phase.value, tuple(watch.violations))


def observe(run: HostRun, broken: set[HostId], lost: set[HostId]) -> Observation:
    """Return what a host answers."""
    if run.host in lost:
        return Unreachable("timed out")
    match work_for(run.state):
        case Work.ASK_CHECKS:
            return ChecksDone((), "boot-1")
        case Work.DRIVE_UPGRADE | Work.DRIVE_ROLLBACK:
            return DONE
        case Work.DRIVE_REBOOT:
            return Booted("boot-2")
        case Work.VERIFY:
            return Verified(run.host not in broken, "checked", ())
        case Work.VERIFY_ROLLBACK:
            return Verified(is_good=True, detail="as before", results=())
        case Work.MEASURE | None:
            raise AssertionError(run)


class Watch:
    """Holds each step of a rollout against its limits, from outside the decision."""

    def __init__(self, rollout: Rollout) -> None:
        self.damaged: set[HostId] = set()
        self.halted = False
        self.violations: list[str] = []
        self._groups: dict[HostId, list[Group]] = {}
        for group in rollout.groups:
            for host in group.hosts:
                self._groups.setdefault(host, []).append(group)

    def look(self, before: Rollout, after: Rollout, now: datetime) -> None:
        """Note what was broken in this step."""
        self.halted = self.halted or after.phase is Phase.ROLLING_BACK
        if after.runs is before.runs:
            return
        begun = [
            new
            for old, new in zip(before.runs, after.runs, strict=True)
            if old.state is RunState.PENDING and new.state is RunState.CHECKING
        ]
        if begun and not OPENS <= now < CLOSES:
            self.violations.append("outside the window")
        if begun and self.halted:
            self.violations.append("begun after a failed gate")
        if any(run.ring != after.ring for run in begun):
            self.violations.append("outside its ring")
        if not after.soaked:  # the second look after a soak changes nothing
            self._count([run for run in after.runs if run.state.is_busy], after)

    def _count(self, busy: list[HostRun], rollout: Rollout) -> None:
        if len(busy) > rollout.concurrency:
            self.violations.append("more at work than allowed")
        counts = Counter(
            (group.kind, group.name, group.limit)
            for run in busy
            for group in self._groups.get(run.host, ())
        )
        if sum(kind is GroupKind.DOMAIN for kind, _, _ in counts) > 1:
            self.violations.append("two failure domains at work")
        if any(
            number > limit
            for (kind, _, limit), number in counts.items()
            if kind is not GroupKind.DOMAIN
        ):
            self.violations.append("a group lost more than it bears")


def plot(results: dict[str, list[Result]], hosts: int) -> str:
    """Return the damage of each scenario, seed by seed from least to most, as SVG."""
    width, height, left, top = 640, 320, 60, 20
    most = max(0.02, *(r.damaged / hosts for found in results.values() for r in found))
    colours = ("#4477aa", "#228833", "#cc6677", "#aa3377")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 180} {height + 60}">',
        "<style>text {font: 12px sans-serif}</style>",
        f'<rect width="{width + 180}" height="{height + 60}" fill="white"/>',
    ]
    for tick in range(5):
        share = most * tick / 4
        y = top + height * (1 - tick / 4)
        parts.append(f'<line x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.2%}</text>')
    y = top + height * (1 - DAMAGE_ALLOWED / most)
    parts.append(f'<line x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}" stroke="black"/>')
    parts.append(
        f'<text x="{width + 6}" y="{y + 4:.1f}">limit at 10 %: {DAMAGE_ALLOWED:.1%}</text>'
    )
    for colour, (name, found) in zip(colours, results.items(), strict=False):
        shares = sorted(r.damaged / hosts for r in found)
        step = (width - left) / len(shares)
        points = " ".join(
            f"{left + step * (n + 0.5):.1f},{top + height * (1 - share / most):.1f}"
            for n, share in enumerate(shares)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        at = top + 14 * (1 + list(results).index(name)) + 20
        parts.append(f'<text x="{width + 6}" y="{at}" fill="{colour}">{name}</text>')
    parts.append(
        f'<text x="{left}" y="{top + height + 24}">'
        "share of the fleet that was broken; seeds from least to most</text></svg>"
    )
    return "\n".join(parts) + "\n"


def main() -> int:
    """Simulate, print, and tell by the exit code whether every limit held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--only", choices=SCENARIOS)
    given = parser.parse_args()
    results: dict[str, list[Result]] = {}
    print("| patch | seeds | halted | damaged: mean | 95 % | worst | violations | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    with Pool(given.processes, initializer=gc.disable) as pool:
        for name, rate in SCENARIOS.items():
            if given.only not in {None, name}:
                continue
            begun = time.perf_counter()
            one = partial(simulate, rate=rate, hosts=given.hosts)
            found = []
            for result in pool.imap(one, range(given.seeds), chunksize=5):
                found.append(result)
                if len(found) % 100 == 0:
                    print(
                        _row(name, found, given.hosts, time.perf_counter() - begun), file=sys.stderr
                    )
            results[name] = found
            print(_row(name, found, given.hosts, time.perf_counter() - begun), flush=True)
    for name, found in results.items():
        broken = Counter(text for r in found for text in set(r.violations))
        print(name, "ended:", dict(Counter(r.end for r in found)), dict(broken))
    if given.plot:
        given.plot.write_text(plot(results, given.hosts))
    return 1 if any(r.violations for found in results.values() for r in found) else 0


def _row(name: str, found: list[Result], hosts: int, seconds: float) -> str:
    shares = sorted(r.damaged / hosts for r in found)
    halted = sum(r.halted for r in found) / len(found)
    violations = sum(bool(r.violations) for r in found)
    high = shares[int(0.95 * (len(shares) - 1))]
    return (
        f"| {name} | {len(found)} | {halted:.1%} | {statistics.mean(shares):.3%} | {high:.3%} "
        f"| {shares[-1]:.3%} | {violations} | {seconds:.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
