"""One case: a fault at a point of a host's run, driven to its end and judged."""

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass, field

from tests.lab.faults.archive import FaultyArchive
from tests.lab.faults.assignment import Debs, Login, assign
from tests.lab.faults.driving import drive, new_run, roll_back
from tests.lab.faults.kinds import NOT_IN_HAND, End, Extra, Kind, may_end
from tests.lab.faults.machine import FaultHost, State
from tests.lab.faults.points import Point

from oakum.core.errors import OakumError
from oakum.core.planning.plan import RebootPolicy
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState
from oakum.services.drive_host import Assignment

CASE_SECONDS = 150
PACE, HURRIED_PACE = 60, 200
"""Seconds of the controller's clock in one of ours."""
PUT_BACK = "every package is back at its old version"


@dataclass(frozen=True, slots=True)
class Case:
    """What is injected where, and how long after the run came there."""

    kind: Kind
    point: Point
    delay_seconds: float = 0.0

    @property
    def name(self) -> str:
        later = f"+{1000 * self.delay_seconds:.0f}ms" if self.delay_seconds else ""
        return f"{self.kind.name} at {self.point.name.lower()}{later}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended, and what was wrong with that."""

    case: Case
    end: End | None
    reason: str
    seconds: float
    faults: tuple[str, ...]
    """What must not be; empty when the case is good."""


@dataclass(slots=True)
class CaseRunner:
    """Runs cases on one host, one after the other."""

    host: FaultHost
    archive: FaultyArchive
    debs: Debs
    login: Login
    rebuilt: int = 0
    """How often the host could not be put back by the tiny packages and was made anew."""
    _pristine: State | None = None
    _maps_old: bool = False
    """Whether a case before exchanged the libc of every process: only a boot ends that."""
    _count: int = 0
    _reached: bool = field(default=False)

    def run(self, case: Case) -> Outcome:
        """Run a case to its end; the next one finds the host as at the start."""
        begun = time.monotonic()
        end, reason, faults = None, "", ["it has no end"]
        try:
            self._prepare()
            reboots = RebootPolicy.WHEN_NEEDED if case.kind.may_reboot else RebootPolicy.NEVER
            extra = self.debs[case.kind.extra]
            self._maps_old = case.kind.extra in {Extra.SSHD, Extra.LIBC}
            job = assign(
                self.host,
                self.archive,
                extra,
                self.login,
                reboots=reboots,
                deadman_seconds=case.kind.waits_seconds,
            )
            run = asyncio.run(self._play(case, job))
            end, reason = _end_of(run), run.reason
            faults = self._judge(case, job, run, end)
        except (AssertionError, OakumError, TimeoutError, OSError) as error:
            faults = [f"{type(error).__name__}: {error}"]
        if faults:
            self._give_up()
        return Outcome(case, end, reason, time.monotonic() - begun, tuple(faults))

    def _prepare(self) -> None:
        """Have a host that is as at the start: put back, or made anew."""
        self._count += 1
        self._reached = False
        if self._pristine is not None:
            self.host.reset()
            if self._maps_old:
                self.host.host.cut_power()
                self.host.boot()
            if not self.host.look().difference(self._pristine):
                return
            self.rebuilt += 1
        self.host.make()
        self._pristine = self.host.look()

    def _give_up(self) -> None:
        self.archive.mend()
        self.host.close()
        self._pristine = None

    async def _play(self, case: Case, job: Assignment) -> HostRun:
        """Lay the fault in wait and drive the run."""
        kind, delay = case.kind, case.delay_seconds
        if kind.outside is None:
            self.host.arm(case.point, kind.inject, delay)
        else:
            self.host.arm(case.point, ":" if delay else NOT_IN_HAND, 0)
        attending = asyncio.create_task(self._attend(case))

        async def between(run: HostRun) -> None:
            await self._act_beside(case, run)

        try:
            async with asyncio.timeout(CASE_SECONDS):
                pace = HURRIED_PACE if kind.hurries else PACE
                run = new_run(job, f"t{self._count}")
                return await drive(run, job, pace, between, hangs=kind.hangs)
        finally:
            attending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await attending

    async def _act_beside(self, case: Case, run: HostRun) -> None:
        """Make the fault before or after the transaction, where it belongs there."""
        point = {RunState.UPGRADING: Point.BEFORE, RunState.VERIFYING: Point.AFTER}.get(run.state)
        if point is not case.point or self._reached:
            return
        self._reached = True
        if case.kind.outside is None:
            await asyncio.to_thread(self.host.host.try_shell, case.kind.inject)
        else:
            await asyncio.to_thread(case.kind.outside, self.host, self.archive)

    async def _attend(self, case: Case) -> None:
        """Do what comes from outside when the point is reached; boot what goes down."""
        while True:
            await asyncio.sleep(0.02)
            if not self._reached and (self.host.fault / "reached").exists():
                self._reached = True
                if case.kind.outside is not None:
                    await asyncio.sleep(case.delay_seconds)
                    await asyncio.to_thread(case.kind.outside, self.host, self.archive)
                    with contextlib.suppress(OSError):
                        (self.host.fault / "go").touch()
            if self._reached:
                await asyncio.to_thread(self.host.keep_up)

    def _judge(self, case: Case, job: Assignment, run: HostRun, end: End) -> list[str]:
        """Take the fault away as the reason told to, go back where it failed, and look."""
        assert self._pristine is not None
        faults = [] if self._reached else [f"{case.point.name} was never reached"]
        if end not in may_end(case.kind, case.point):
            faults.append(f"ended {end.value}: {run.reason}")
        faults += self._unsaid(case, run, end)
        wrong = case.kind.wrong.get(case.point)
        if wrong and not case.delay_seconds and re.search(wrong, run.reason):
            faults.append(f"is no longer true: {run.reason}")
        self._heal(case.kind)
        if run.state in {RunState.FAILED, RunState.ROLLBACK_FAILED}:
            back = asyncio.run(self._roll_back(run, job))
            if back.state is not RunState.ROLLED_BACK:
                faults.append(f"going back ended {back.state.value}: {back.reason}")
            self._heal(case.kind)  # what was there before the change is back, and so may a fault be
        if wedged := self.host.wedged():
            faults.append(f"wedged: {wedged}")
        seen = self.host.look()
        if end is End.HEALTHY:
            lacking = [
                c.line() for c in job.changes if not _has_arrived(c.name, c.new_version, seen)
            ]
            faults += [f"not installed: {line}" for line in lacking]
        elif difference := seen.difference(self._pristine):
            faults.append(f"not as before: {difference}")
        return faults

    def _unsaid(self, case: Case, run: HostRun, end: End) -> list[str]:
        """Return what the reason should say and does not, or what should hold and does not."""
        if end is End.HEALTHY:
            broken = case.kind.keeps and self.host.host.try_shell(f"{case.kind.keeps} || echo no")
            return [f"does not hold any more: {case.kind.keeps}"] if broken else []
        wanted = (("cause", case.kind.cause), ("next step", case.kind.next_step))
        return [
            f"the reason does not name the {what}: {run.reason}"
            for what, pattern in wanted
            if not re.search(pattern, run.reason)
        ]

    async def _roll_back(self, run: HostRun, job: Assignment) -> HostRun:
        async with asyncio.timeout(CASE_SECONDS):
            return await roll_back(run, job, PACE)

    def _heal(self, kind: Kind) -> None:
        """Take the fault away, as the administrator does whom the reason told to."""
        self.archive.mend()
        self.host.stays_down = False
        if not self.host.is_up:
            self.host.boot()
        self.host.host.try_shell(f"rm -f /run/oak-fault/point\n{kind.mend}")


def _has_arrived(name: str, version: str, seen: State) -> bool:
    return any(line.endswith(f"\t{name}\t{version}") for line in seen.packages)


def _end_of(run: HostRun) -> End:
    match run.state:
        case RunState.SUCCEEDED:
            return End.HEALTHY
        case RunState.REFUSED:
            return End.REFUSED
        case RunState.ROLLED_BACK:
            return End.BY_ITSELF
        case _:
            return End.PUT_BACK if PUT_BACK in run.reason else End.FAILED
