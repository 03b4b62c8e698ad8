"""Drive one host on: do what its state asks for, and say what was seen."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from oakum.core.errors import ControllerError, HostError, OakumError
from oakum.core.ids import PlanId
from oakum.core.inventory.facts import INDICES_UNASKED, Facts
from oakum.core.inventory.host import Host
from oakum.core.orders.order import SignedOrder
from oakum.core.planning.change import PackageChange
from oakum.core.planning.metric import Metric
from oakum.core.planning.plan import Plan, RebootPolicy, RestartPolicy
from oakum.core.planning.prediction import allowed_for
from oakum.core.repositories.snapshot import SnapshotManifest
from oakum.core.rollback.deadman import deadman_seconds
from oakum.core.rollback.inverse import invert
from oakum.core.rollback.restore_point import kinds_for
from oakum.core.rollout.host_run import Work
from oakum.core.rollout.measuring import Sample
from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    Measured,
    NotAsked,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
    WentBack,
)
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.transaction import DeadmanState, TransactionState, TransactionStatus
from oakum.core.staging.check import Check, CheckResult, Comparison, Verdict, compare
from oakum.core.staging.vitals import (
    NOTHING_DECLARED,
    Losses,
    VitalQuestions,
    again,
    clock_problem,
    from_lines,
    losses,
)
from oakum.core.text import counted
from oakum.core.verification.verify import Verification, hard_signals, verify
from oakum.ports.checks import CheckRunner
from oakum.ports.clock import Clock
from oakum.ports.fact_collector import FactCollector
from oakum.ports.hooks import HookRunners
from oakum.ports.metrics import MetricReader
from oakum.ports.package_manager import (
    Deadman,
    PackageManager,
    SnapshotAccess,
    Transaction,
    TransactionMode,
)
from oakum.ports.transport import Session, Transport
from oakum.services.run_hook import Around, run_hook

SETTLE_TRIES = 6
STEP_DEADLINE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a host is driven with."""

    package_manager: PackageManager
    collector: FactCollector
    checks: CheckRunner
    metrics: MetricReader
    clock: Clock
    transport: Transport
    """Opens the new connection over which a host is confirmed."""
    settle_seconds: float = 30
    """How long services may take to come up after a change or a boot before that is a failure."""
    clock_tolerance: timedelta = timedelta(minutes=10)
    """How far a host's clock may be from the controller's."""
    hooks: HookRunners | None = None
    """None: only plans without hooks can be carried out."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be done on one host."""

    host: Host
    plan: Plan
    plan_id: PlanId
    """Of the plan: its digest is of the whole plan, and takes as long as the plan is large."""
    changes: tuple[PackageChange, ...]
    manifest: SnapshotManifest
    access: SnapshotAccess
    checks: tuple[Check, ...]
    order: SignedOrder | None = None
    """What a prepared host is given in the place of trust."""
    vital: VitalQuestions = NOTHING_DECLARED
    metrics: tuple[Metric, ...] = ()


def deadline_of(work: Work, job: Assignment, tools: Tools) -> timedelta:
    """Return how long one piece of work may take before whoever does it must be stuck.

    Transactions and hooks run by themselves: to hand one over and to read its record is short,
    however long it takes. Checks bring their own limits, and are asked again while services settle.
    """
    checks = timedelta(seconds=sum(check.timeout_seconds for check in job.checks))
    match work:
        case Work.DRIVE_ROLLBACK | Work.DRIVE_REBOOT | Work.RUN_HOOKS:
            return STEP_DEADLINE
        case Work.DRIVE_UPGRADE:
            return STEP_DEADLINE + timedelta(seconds=tools.settle_seconds)
        case Work.ASK_CHECKS:
            return STEP_DEADLINE + checks
        case Work.VERIFY | Work.VERIFY_ROLLBACK:
            settling = timedelta(seconds=tools.settle_seconds)
            return STEP_DEADLINE + settling + (1 + SETTLE_TRIES) * checks
        case Work.MEASURE:
            return STEP_DEADLINE


async def do(
    work: Work, run: HostRun, job: Assignment, session: Session | None, tools: Tools
) -> Observation:
    """Do the work that a host run waits for, and return what was seen. Each may be repeated.

    Only hooks on the controller take no session.
    """
    if session is None:
        if work is Work.RUN_HOOKS:
            return await _run_hooks(run, job, session, tools)
        raise HostError(f"{work.value}: not without a connection")
    return await _do_there(work, run, job, session, tools)


async def _run_hooks(
    run: HostRun, job: Assignment, session: Session | None, tools: Tools
) -> Observation:
    if tools.hooks is None:
        raise HostError("no hook can be run here")
    around = Around(job.host, job.plan, job.plan_id, job.order, job.access.public_key)
    return await run_hook(run, around, session, tools.hooks)


async def _do_there(
    work: Work, run: HostRun, job: Assignment, session: Session, tools: Tools
) -> Observation:
    match work:
        case Work.ASK_CHECKS:
            return await _ask_checks(job, session, tools)
        case Work.DRIVE_UPGRADE:
            return await _drive_upgrade(run, job, session, tools)
        case Work.DRIVE_ROLLBACK:
            return await _drive(rollback_of(run, job), run, job, session, tools)
        case Work.DRIVE_REBOOT:
            return await _reboot(run, job, session, tools)
        case Work.VERIFY:
            return await _verify(upgrade_of(run, job), run, job, session, tools)
        case Work.VERIFY_ROLLBACK:
            return await _verify(rollback_of(run, job), run, job, session, tools)
        case Work.MEASURE:
            readings = await tools.metrics.read(job.metrics, job.host, session)
            return Measured(Sample(run.asked_round, readings))
        case Work.RUN_HOOKS:
            return await _run_hooks(run, job, session, tools)


def not_asked(
    error: OakumError, job: Assignment, asked_since: datetime | None = None
) -> Unreachable | NotAsked:
    """Return what is learnt when a host could not be asked: why, and what to do about it."""
    reason = f"{error.message}; {error.hint}" if error.hint else error.message
    if isinstance(error, ControllerError):
        return NotAsked(reason)
    return Unreachable(reason, deadman_seconds(job.plan, job.changes), asked_since)


def upgrade_of(run: HostRun, job: Assignment) -> Transaction:
    """Return the transaction that carries out the plan on this host."""
    return Transaction(
        run.transaction,
        TransactionMode.UPGRADE,
        job.access,
        job.changes,
        job.plan.restart_policy,
        order=job.order,
        restore_points=kinds_for(job.changes),
    )


def _with_deadman(transaction: Transaction, run: HostRun, job: Assignment) -> Transaction:
    """Give an upgrade its way back along, for the case that nobody confirms it."""
    seconds = deadman_seconds(job.plan, job.changes)
    if transaction.mode is TransactionMode.ROLL_BACK or not seconds:
        return transaction
    return replace(transaction, deadman=Deadman(rollback_of(run, job), seconds))


def rollback_of(run: HostRun, job: Assignment) -> Transaction:
    """Return the transaction that undoes it."""
    return Transaction(
        run.rollback_transaction,
        TransactionMode.ROLL_BACK,
        job.access,
        invert(job.changes, job.manifest),
        job.plan.restart_policy,
        undoes=run.transaction,
        order=job.order,
    )


async def _facts(session: Session, tools: Tools) -> Facts:
    """Ask for all that a transaction is judged by, which its package indices say nothing about."""
    return await tools.collector.collect(session, now=tools.clock.now(), last=INDICES_UNASKED)


async def _ask_checks(job: Assignment, session: Session, tools: Tools) -> ChecksDone:
    facts = await _facts(session, tools)
    vitals = await tools.checks.look(job.vital, session)
    now = tools.clock.now()
    if refusal := clock_problem(vitals.clock, now, tools.clock_tolerance):
        return ChecksDone((), facts.boot_id, vitals, refusal)
    results = await tools.checks.run(job.checks, job.host, session)
    return ChecksDone(results, facts.boot_id, vitals)


async def _drive_upgrade(
    run: HostRun, job: Assignment, session: Session, tools: Tools
) -> TransactionSeen | WentBack:
    """Drive the upgrade; one that failed is not verified, so what it left behind is seen here."""
    seen = await _drive(upgrade_of(run, job), run, job, session, tools)
    if isinstance(seen, WentBack) or seen.status.state is not TransactionState.FAILED:
        return seen
    facts = await _facts(session, tools)
    lost = await _lost(run, job, session, tools)
    for _ in range(SETTLE_TRIES):  # what was put back may still be on its way up
        if not lost.in_words():
            break
        await asyncio.sleep(tools.settle_seconds / SETTLE_TRIES)
        lost = await _lost(run, job, session, tools)
    reason = "; ".join((seen.status.reason, *lost.in_words()))
    signals = hard_signals(facts, compare((), ()), job.checks, lost)
    return replace(seen, status=replace(seen.status, reason=reason), signals=signals)


async def _lost(run: HostRun, job: Assignment, session: Session, tools: Tools) -> Losses:
    kept = run.vitals_before
    before = None if kept is None else from_lines(kept.split("\n"))
    questions = job.vital if before is None else again(job.vital, before)
    seen = await tools.checks.look(questions, session)
    return losses(before, seen, job.vital.units)


async def _drive(
    transaction: Transaction, run: HostRun, job: Assignment, session: Session, tools: Tools
) -> TransactionSeen | WentBack:
    may_reboot = job.plan.reboot_policy is RebootPolicy.WHEN_NEEDED
    status = await tools.package_manager.status(session, transaction.id)
    if status.deadman is DeadmanState.FIRED:
        return _went_back(job)
    if status.state in {TransactionState.ABSENT, TransactionState.INTERRUPTED}:
        status = await _start(_with_deadman(transaction, run, job), session, tools)
    allowed = allowed_for(len(transaction.changes), job.plan.pace_percent)
    return TransactionSeen(status, may_reboot, allowed=allowed)


async def _start(transaction: Transaction, session: Session, tools: Tools) -> TransactionStatus:
    """Hand a transaction over. A host that cannot take an upgrade has refused it, and is as it was.

    A roll-back is tried again instead: it is the way out, and must not end at the first obstacle.
    """
    try:
        await tools.package_manager.start(session, transaction)
    except HostError as error:
        status = await tools.package_manager.status(session, transaction.id)
        if (
            transaction.mode is TransactionMode.ROLL_BACK
            or status.state is not TransactionState.ABSENT
        ):
            raise
        reason = f"{error.message}; {error.hint or 'look at the host'}"
        return replace(status, state=TransactionState.REFUSED, step="hand over", reason=reason)
    return await tools.package_manager.status(session, transaction.id)


def _went_back(job: Assignment) -> WentBack:
    within = counted(round(job.plan.deadman_seconds / 60), "minute")
    return WentBack(f"the host goes back by itself: nobody confirmed it within {within}")


async def _reboot(run: HostRun, job: Assignment, session: Session, tools: Tools) -> Observation:
    if job.plan.deadman_seconds:
        status = await tools.package_manager.status(session, run.transaction)
        if status.deadman is DeadmanState.FIRED:
            return _went_back(job)
    facts = await _facts(session, tools)
    if facts.boot_id == run.boot_id_before:
        await tools.package_manager.reboot(session, run.transaction)
    return Booted(facts.boot_id)


async def _verify(
    transaction: Transaction, run: HostRun, job: Assignment, session: Session, tools: Tools
) -> Verified | WentBack:
    """Verify, and again while services may still be on their way up; then confirm an upgrade."""
    seen = await _verify_once(transaction, run, job, session, tools)
    for _ in range(SETTLE_TRIES):
        if isinstance(seen, WentBack) or seen.is_good:
            break
        await asyncio.sleep(tools.settle_seconds / SETTLE_TRIES)
        seen = await _verify_once(transaction, run, job, session, tools)
    if isinstance(seen, WentBack) or not seen.is_good:
        return seen
    is_watched = transaction.mode is TransactionMode.UPGRADE and job.plan.deadman_seconds
    return await _confirm(transaction, seen, job, tools) if is_watched else seen


async def _confirm(
    transaction: Transaction, seen: Verified, job: Assignment, tools: Tools
) -> Verified | WentBack:
    """Let the host keep the change, over a new connection.

    One that was open before the change proves nothing about who can still come in.
    """
    async with tools.transport.connect(job.host) as session:
        decided = await tools.package_manager.confirm(session, transaction.id)
    match decided:
        case DeadmanState.CONFIRMED | DeadmanState.OFF:
            return seen
        case DeadmanState.FIRED:
            return _went_back(job)
        case DeadmanState.ARMED | DeadmanState.WITHDRAWN:
            detail = f"well, but its deadman is {decided.value}: was it rolled back meanwhile?"
            return replace(seen, is_good=False, detail=detail)


async def _verify_once(
    transaction: Transaction, run: HostRun, job: Assignment, session: Session, tools: Tools
) -> Verified | WentBack:
    facts = await _facts(session, tools)
    status = await tools.package_manager.status(session, transaction.id)
    if status.deadman is DeadmanState.FIRED:
        return _went_back(job)
    booted = transaction.mode is TransactionMode.UPGRADE and _was_rebooted(job, status)
    answer = verify(
        transaction.changes,
        facts,
        status,
        boot_id_before=run.boot_id_before,
        must_have_booted=booted,
        restarts_allowed=job.plan.restart_policy is RestartPolicy.AFFECTED,
    )
    results = await tools.checks.run(job.checks, job.host, session)
    comparison = compare(run.checks_before, results)
    lost = await _lost(run, job, session, tools)
    good = answer.is_good and comparison.verdict is Verdict.PASSED and not lost.in_words()
    signals = hard_signals(facts, comparison, job.checks, lost)
    words = in_words(answer, comparison, lost)
    by_itself = f"put back by the host itself: {status.begun_by_host}; "
    detail = f"{by_itself}{words}" if status.begun_by_host else words
    return Verified(good, detail, results, signals)


def _was_rebooted(job: Assignment, status: TransactionStatus) -> bool:
    """Tell whether the run went through a reboot: then the boot id proves it."""
    may_reboot = job.plan.reboot_policy is RebootPolicy.WHEN_NEEDED
    return may_reboot and bool(status.reboot_reason)


def in_words(answer: Verification, comparison: Comparison, lost: Losses) -> str:
    """Say in one line what a verification found."""
    broken = [f"{result.check}: {result.detail}" for result in comparison.broken]
    # Vital signs first: a service without names fails for want of them.
    faults = [*lost.in_words(), *answer.differences, *broken]
    if faults:
        return "; ".join(faults)
    already = _names(comparison.already_broken)
    excused = f"; broken before as well: {already}" if already else ""
    passed = f"{counted(len(comparison.passed), 'check')} passed{excused}"
    return "; ".join((answer.detail, passed, *lost.notes))


def _names(results: Sequence[CheckResult]) -> str:
    return ", ".join(result.check for result in results)
