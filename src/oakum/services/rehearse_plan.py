"""Rehearse a plan: on a twin of each host class upgrade, roll back, and upgrade again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from oakum.core.audit.event import Action
from oakum.core.errors import HostError, OakumError, TransportError
from oakum.core.ids import HostId, HostRunId, TransactionId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.planning.hook import HookMoment, HookPlace
from oakum.core.planning.plan import HostClass, Plan, RebootPolicy
from oakum.core.rollout.ending import end, hook_step
from oakum.core.rollout.hooks import executions, next_hook, planned_hooks
from oakum.core.rollout.host_run import Work, advance, boot_to_leave
from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    Observation,
    TransactionSeen,
    Verified,
    WentBack,
)
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState
from oakum.core.rollout.transaction import TransactionState, TransactionStatus
from oakum.core.staging.check import Verdict
from oakum.core.staging.fidelity import Fidelity, compare_packages
from oakum.core.staging.rehearsal import Rehearsal, Stage, StageResult, TwinResult
from oakum.core.staging.vitals import to_text
from oakum.core.text import counted, one_line
from oakum.ports.stores import UnitOfWorkFactory
from oakum.ports.transport import Transport
from oakum.services.build_twin import TwinBuilder
from oakum.services.drive_host import Assignment, Tools, do

POLL_SECONDS = 1.0
STAGE_TIMEOUT_SECONDS = 900
NOT_CLOSED = frozenset(
    {
        FindingState.AFFECTED_FIX_AVAILABLE,
        FindingState.AFFECTED_NO_FIX,
        FindingState.FIXED_ON_DISK,
        FindingState.UNKNOWN,
    }
)
"""What a finding that the plan promised to close may not be afterwards; what waits for a reboot or
a session to end was announced by the plan."""

Match = Callable[[Facts], tuple[Finding, ...]]
Report = Callable[[str, StageResult], None]
"""Called with the class and each stage as it ends."""


@dataclass(frozen=True, slots=True)
class Rehearser:
    """Rehearses plans and stores the evidence with them."""

    begin: UnitOfWorkFactory
    transport: Transport
    builder: TwinBuilder
    tools: Tools
    match: Match
    actor: str
    twins_at_once: int
    report: Report

    async def rehearse(self, plan: Plan, assignments: dict[HostId, Assignment]) -> Rehearsal:
        """Rehearse every class of the plan; return the stored evidence, whatever it says."""
        started_at = self.tools.clock.now()
        await self.builder.clear()
        places = asyncio.Semaphore(self.twins_at_once)

        async def one(host_class: HostClass) -> TwinResult:
            async with places:
                return await self._rehearse_class(host_class, assignments[host_class.hosts[0]])

        twins = await asyncio.gather(*(one(host_class) for host_class in plan.classes))
        rehearsal = Rehearsal(
            plan.id, plan.digest, started_at, self.tools.clock.now(), tuple(twins)
        )
        with self.begin() as work:
            work.plans.add_rehearsal(rehearsal)
            work.audit.append(
                at=rehearsal.finished_at,
                actor=self.actor,
                action=Action.PLAN_REHEARSED,
                subject=plan.id,
                details=rehearsal.to_json(),
            )
            work.commit()
        return rehearsal

    async def _rehearse_class(self, host_class: HostClass, job: Assignment) -> TwinResult:
        stages: list[StageResult] = []

        def note(result: StageResult) -> None:
            stages.append(result)
            self.report(host_class.name, result)

        fidelity = 0
        begun = self.tools.clock.now()
        try:
            facts = self._facts_of(job.host)
            name = f"twin-{host_class.name}"
            async with self.builder.build(name, job.host, facts, job.access) as twin:
                async with self.transport.connect(twin) as session:
                    built = await self.tools.collector.collect(session, now=begun)
                likeness = compare_packages(facts, built)
                fidelity = likeness.ppm
                note(_built(likeness, self._since(begun)))
                if likeness.differences:
                    return TwinResult(host_class.name, job.host.name, fidelity, tuple(stages))
                await _Performance(self, host_class, replace(job, host=twin), note).play()
        except OakumError as error:
            stage = _next_stage(stages)
            note(StageResult(stage, Verdict.ERROR, one_line(error.message), self._since(begun)))
        return TwinResult(host_class.name, job.host.name, fidelity, tuple(stages))

    def _facts_of(self, host: Host) -> Facts:
        with self.begin() as work:
            facts = work.facts.latest(host.id)
        if facts is None:
            raise OakumError(
                f"{host.name} has no facts to build a twin from", hint="run `oakum scan`"
            )
        return facts

    def _since(self, begun: datetime) -> int:
        return round((self.tools.clock.now() - begun).total_seconds())


@dataclass(frozen=True, slots=True)
class _Performance:
    """The stages after building, on one twin; the first that does not pass is the last."""

    owner: Rehearser
    host_class: HostClass
    job: Assignment
    note: Callable[[StageResult], None]
    _booted_after: dict[TransactionId, str] = field(default_factory=dict)
    """For each transaction after which the twin was booted: the boot id before."""
    _vitals: list[str] = field(default_factory=list)
    """As they were before the change."""

    async def play(self) -> None:
        run = _first_run(self.job)
        before = await self._stage(Stage.BASELINE, lambda: self._baseline(run))
        if before is None:
            return
        run = replace(run, checks_before=before.checks, vitals_before=self._vitals[-1])
        hooks = _HostHooks(self, run)
        for stage, act in (
            (Stage.UPGRADE, lambda: hooks.before(lambda: self._upgrade(run))),
            (Stage.AFTER_UPGRADE, lambda: hooks.after(lambda: self._verify(Work.VERIFY, run))),
            (Stage.ROLL_BACK, lambda: self._roll_back(run)),
            (Stage.AFTER_ROLL_BACK, lambda: self._verify(Work.VERIFY_ROLLBACK, run)),
            (Stage.UPGRADE_AGAIN, lambda: self._upgrade(_again(run))),
            (Stage.RESCAN, lambda: self._rescan(_again(run))),
        ):
            if await self._stage(stage, act) is None:
                return

    async def _stage(
        self, stage: Stage, act: Callable[[], Awaitable[StageResult]]
    ) -> StageResult | None:
        begun = self.owner.tools.clock.now()
        try:
            async with asyncio.timeout(STAGE_TIMEOUT_SECONDS):
                result = await act()
        except TimeoutError:
            detail = f"not done within {STAGE_TIMEOUT_SECONDS} s"
            result = StageResult(stage, Verdict.ERROR, detail, 0)
        timed = replace(result, stage=stage, seconds=self.owner._since(begun))  # noqa: SLF001 (one idea in two classes)
        self.note(timed)
        return timed if timed.verdict is Verdict.PASSED else None

    async def do_patiently(self, work: Work, run: HostRun) -> Observation:
        """Do it once the twin answers: it may be booting, or restarting sshd.

        How long that may take is the stage's time limit.
        """
        while True:
            try:
                return await self._do(work, run)
            except TransportError:
                await asyncio.sleep(POLL_SECONDS)

    async def _do(self, work: Work, run: HostRun) -> Observation:
        """Do one piece of work over a connection of its own, as a controller would."""
        async with self.owner.transport.connect(self.job.host) as session:
            seen = await do(work, run, self.job, session, self.owner.tools)
        if isinstance(seen, WentBack):
            raise HostError(seen.reason, hint="plan with a longer --deadman: real hosts are slower")
        return seen

    async def _baseline(self, run: HostRun) -> StageResult:
        seen = await self._do(Work.ASK_CHECKS, run)
        assert isinstance(seen, ChecksDone)  # noqa: S101 (tells the type checker what `do` returns)
        if seen.refusal:
            return _result(Verdict.ERROR, seen.refusal)
        if seen.vitals is not None:
            self._vitals.append(to_text(seen.vitals))
        broken = [c.check for c in seen.results if c.verdict is not Verdict.PASSED]
        words = f"{counted(len(seen.results), 'check')} asked"
        detail = f"{words}; broken before the change: {', '.join(broken)}" if broken else words
        return StageResult(Stage.BASELINE, Verdict.PASSED, detail, 0, seen.results)

    async def _upgrade(self, run: HostRun) -> StageResult:
        """Upgrade, and boot anew where the plan would: the twin goes the host's whole way."""
        before = (await self._facts()).boot_id
        status = await self._ended(Work.DRIVE_UPGRADE, run)
        result = self._judged(status)
        reboots = self.job.plan.reboot_policy is RebootPolicy.WHEN_NEEDED
        if result.verdict is not Verdict.PASSED or not (reboots and status.reboot_reason):
            return result
        left = boot_to_leave(before, status)
        await self._reboot(replace(run, boot_id_before=left))
        self._booted_after[run.transaction] = left
        return _result(Verdict.PASSED, f"{result.detail}, then booted anew")

    async def _roll_back(self, run: HostRun) -> StageResult:
        return self._judged(await self._ended(Work.DRIVE_ROLLBACK, run))

    async def _reboot(self, run: HostRun) -> None:
        while True:
            seen = await self.do_patiently(Work.DRIVE_REBOOT, run)
            if isinstance(seen, Booted) and seen.boot_id != run.boot_id_before:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _ended(self, work: Work, run: HostRun) -> TransactionStatus:
        """Drive a transaction to its end."""
        while True:
            seen = await self.do_patiently(work, run)
            assert isinstance(seen, TransactionSeen)  # noqa: S101 (as above)
            match seen.status.state:
                case (
                    TransactionState.SUCCEEDED | TransactionState.REFUSED | TransactionState.FAILED
                ):
                    return seen.status
                case (
                    TransactionState.ABSENT
                    | TransactionState.RUNNING
                    | TransactionState.INTERRUPTED
                ):
                    await asyncio.sleep(POLL_SECONDS)

    def _judged(self, status: TransactionStatus) -> StageResult:
        if status.state is TransactionState.SUCCEEDED:
            return _result(Verdict.PASSED, f"{counted(len(self.job.changes), 'package')} changed")
        return _result(Verdict.FAILED, status.reason)

    async def _facts(self) -> Facts:
        tools = self.owner.tools
        async with self.owner.transport.connect(self.job.host) as session:
            return await tools.collector.collect(session, now=tools.clock.now())

    async def _verify(self, work: Work, run: HostRun) -> StageResult:
        booted_from = self._booted_after.get(run.transaction, "")
        seen = await self._do(work, replace(run, boot_id_before=booted_from))
        assert isinstance(seen, Verified)  # noqa: S101 (as above)
        verdict = Verdict.PASSED if seen.is_good else Verdict.FAILED
        return StageResult(Stage.AFTER_UPGRADE, verdict, seen.detail, 0, seen.results)

    async def _rescan(self, run: HostRun) -> StageResult:
        verified = await self._verify(Work.VERIFY, run)
        if verified.verdict is not Verdict.PASSED:
            return verified
        facts = await self._facts()
        sources = {change.source_name for change in self.host_class.changes}
        promised = {pair for pair in self.job.plan.fixes if pair[1] in sources}
        still_open = [
            f"{finding.cve} in {finding.source_name}"
            for finding in self.owner.match(facts)
            if finding.state in NOT_CLOSED and (finding.cve, finding.source_name) in promised
        ]
        if still_open:
            return _result(Verdict.FAILED, f"still open: {', '.join(still_open[:5])}")
        closed = f"{counted(len(promised), 'promised fix', 'promised fixes')} verified"
        return _result(Verdict.PASSED, f"{closed}; {verified.detail}")


class _HostHooks:
    """The plan's hooks on a twin: those of the host; the controller's reach what is in use."""

    def __init__(self, performance: _Performance, run: HostRun) -> None:
        self._performance = performance
        job = performance.job
        self._modelled_on = performance.host_class.hosts[0]
        hooks = planned_hooks(job.plan.hooks).get(self._modelled_on, ())
        self._run = replace(run, hooks=tuple(h for h in hooks if h.place is HookPlace.HOST))
        self._left_out = tuple(h.name for h in hooks if h.place is HookPlace.CONTROLLER)

    async def before(self, act: Callable[[], Awaitable[StageResult]]) -> StageResult:
        """Run what comes before the change, the change, and wake what was brought to rest."""
        if next_hook(self._run.hooks, HookMoment.BEFORE) is not None:
            await self._drive(replace(self._run, state=RunState.BEFORE_HOOKS))
            if self._run.state is not RunState.UPGRADING:
                return _result(Verdict.FAILED, self._run.reason)
        result = await act()
        if result.verdict is Verdict.PASSED:
            await self._drive(replace(self._run, state=RunState.WAKING))
        return result

    async def after(self, act: Callable[[], Awaitable[StageResult]]) -> StageResult:
        """Verify, run what comes after, and take everything back."""
        result = await act()
        if result.verdict is Verdict.PASSED and next_hook(self._run.hooks, HookMoment.AFTER):
            await self._drive(replace(self._run, state=RunState.AFTER_HOOKS))
        else:
            well = result.verdict is Verdict.PASSED
            state = RunState.SUCCEEDED if well else RunState.FAILED
            await self._drive(end(self._run, state, result.detail, self._now()))
        if result.verdict is not Verdict.PASSED:
            return result
        detail = "; ".join(filter(None, (result.detail, self._in_words())))
        if self._run.state is not RunState.SUCCEEDED or self._run.stays_out:
            return replace(result, verdict=Verdict.FAILED, detail=one_line(detail))
        return replace(result, detail=one_line(detail))

    async def _drive(self, run: HostRun) -> None:
        while hook_step(run) is not None:
            seen = await self._performance.do_patiently(Work.RUN_HOOKS, run)
            after = advance(run, seen, self._now())
            if after == run:
                await asyncio.sleep(POLL_SECONDS)
            run = after
        self._run = run

    def _now(self) -> datetime:
        return self._performance.owner.tools.clock.now()

    def _in_words(self) -> str:
        done = [f"{name} {found.in_words()}" for name, found in executions(self._run.hooks)]
        there = f"hooks: {', '.join(done)}" if done else ""
        here = ", ".join(self._left_out)
        not_here = f"not run on a twin, for they are the controller's: {here}" if here else ""
        return "; ".join(filter(None, (there, not_here)))


def _first_run(job: Assignment) -> HostRun:
    name = f"rehearsal-{job.plan.digest[:12]}.{job.host.name}"
    return HostRun(
        id=HostRunId(name),
        host=job.host.id,
        ring=0,
        state=RunState.UPGRADING,
        reason="rehearsal",
        transaction=TransactionId(name),
        rollback_transaction=TransactionId(f"{name}.undo"),
    )


def _again(run: HostRun) -> HostRun:
    """Return the run of the second upgrade: the same change, and another transaction."""
    return replace(run, transaction=TransactionId(f"{run.transaction}.again"))


def _result(verdict: Verdict, detail: str) -> StageResult:
    return StageResult(Stage.UPGRADE, verdict, one_line(detail), 0)


def _built(likeness: Fidelity, seconds: int) -> StageResult:
    """Judge the twin itself: a rehearsal on something else than the host would prove nothing."""
    percent = f"{likeness.ppm / 10_000:.1f} % of its packages are exactly the host's"
    if likeness.differences:
        detail = f"{percent}; {'; '.join(likeness.differences[:3])}"
        return StageResult(Stage.BUILD, Verdict.ERROR, one_line(detail), seconds)
    return StageResult(Stage.BUILD, Verdict.PASSED, percent, seconds)


def _next_stage(stages: list[StageResult]) -> Stage:
    return list(Stage)[min(len(stages), len(Stage) - 1)]
