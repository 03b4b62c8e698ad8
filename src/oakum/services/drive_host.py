"""Drive one host on: do what its state asks for, and say what was seen."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from oakum.core.errors import HostError, OakumError
from oakum.core.ids import PlanId
from oakum.core.inventory.host import Host
from oakum.core.orders.order import SignedOrder
from oakum.core.planning.change import PackageChange
from oakum.core.planning.plan import Plan, RebootPolicy, RestartPolicy
from oakum.core.planning.prediction import allowed_for
from oakum.core.repositories.snapshot import SnapshotManifest
from oakum.core.rollback.inverse import invert
from oakum.core.rollout.host_run import Work
from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
)
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.transaction import TransactionState, TransactionStatus
from oakum.core.staging.check import Check, CheckResult, Comparison, Verdict, compare
from oakum.core.text import counted
from oakum.core.verification.verify import Verification, hard_signals, verify
from oakum.ports.checks import CheckRunner
from oakum.ports.clock import Clock
from oakum.ports.fact_collector import FactCollector
from oakum.ports.package_manager import (
    PackageManager,
    SnapshotAccess,
    Transaction,
    TransactionMode,
)
from oakum.ports.transport import Session

SETTLE_TRIES = 6
STEP_DEADLINE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a host is driven with."""

    package_manager: PackageManager
    collector: FactCollector
    checks: CheckRunner
    clock: Clock
    settle_seconds: float = 30
    """How long services may take to come up after a change or a boot before that is a failure."""


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


def deadline_of(work: Work, job: Assignment, tools: Tools) -> timedelta:
    """Return how long one piece of work may take before whoever does it must be stuck.

    Transactions run on the host by themselves: to hand one over and to read its journal is short,
    however long it takes. Checks bring their own limits, and are asked again while services settle.
    """
    checks = timedelta(seconds=sum(check.timeout_seconds for check in job.checks))
    match work:
        case Work.DRIVE_UPGRADE | Work.DRIVE_ROLLBACK | Work.DRIVE_REBOOT:
            return STEP_DEADLINE
        case Work.ASK_CHECKS:
            return STEP_DEADLINE + checks
        case Work.VERIFY | Work.VERIFY_ROLLBACK:
            settling = timedelta(seconds=tools.settle_seconds)
            return STEP_DEADLINE + settling + (1 + SETTLE_TRIES) * checks


async def do(
    work: Work, run: HostRun, job: Assignment, session: Session, tools: Tools
) -> Observation:
    """Do the work that a host run waits for, and return what was seen. Each may be repeated."""
    match work:
        case Work.ASK_CHECKS:
            return await _ask_checks(job, session, tools)
        case Work.DRIVE_UPGRADE:
            return await _drive(upgrade_of(run, job), job, session, tools)
        case Work.DRIVE_ROLLBACK:
            return await _drive(rollback_of(run, job), job, session, tools)
        case Work.DRIVE_REBOOT:
            return await _reboot(run, session, tools)
        case Work.VERIFY:
            return await _verify(upgrade_of(run, job), run, job, session, tools)
        case Work.VERIFY_ROLLBACK:
            return await _verify(rollback_of(run, job), run, job, session, tools)


def not_asked(error: OakumError) -> Unreachable:
    """Return what is learnt when a host could not be asked: why, and what to do about it."""
    return Unreachable(f"{error.message}; {error.hint}" if error.hint else error.message)


def upgrade_of(run: HostRun, job: Assignment) -> Transaction:
    """Return the transaction that carries out the plan on this host."""
    return Transaction(
        run.transaction,
        TransactionMode.UPGRADE,
        job.access,
        job.changes,
        job.plan.restart_policy,
        order=job.order,
    )


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


async def _ask_checks(job: Assignment, session: Session, tools: Tools) -> ChecksDone:
    facts = await tools.collector.collect(session, now=tools.clock.now())
    results = await tools.checks.run(job.checks, job.host, session)
    return ChecksDone(results, facts.boot_id)


async def _drive(
    transaction: Transaction, job: Assignment, session: Session, tools: Tools
) -> TransactionSeen:
    may_reboot = job.plan.reboot_policy is RebootPolicy.WHEN_NEEDED
    status = await tools.package_manager.status(session, transaction.id)
    if status.state in {TransactionState.ABSENT, TransactionState.INTERRUPTED}:
        status = await _start(transaction, session, tools)
    allowed = allowed_for(len(transaction.changes), job.plan.pace_percent)
    return TransactionSeen(status, may_reboot, allowed)


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


async def _reboot(run: HostRun, session: Session, tools: Tools) -> Booted:
    facts = await tools.collector.collect(session, now=tools.clock.now())
    if facts.boot_id == run.boot_id_before:
        await tools.package_manager.reboot(session, run.transaction)
    return Booted(facts.boot_id)


async def _verify(
    transaction: Transaction, run: HostRun, job: Assignment, session: Session, tools: Tools
) -> Verified:
    """Verify, and again while services may still be on their way up."""
    seen = await _verify_once(transaction, run, job, session, tools)
    for _ in range(SETTLE_TRIES):
        if seen.is_good:
            break
        await asyncio.sleep(tools.settle_seconds / SETTLE_TRIES)
        seen = await _verify_once(transaction, run, job, session, tools)
    return seen


async def _verify_once(
    transaction: Transaction, run: HostRun, job: Assignment, session: Session, tools: Tools
) -> Verified:
    facts = await tools.collector.collect(session, now=tools.clock.now())
    status = await tools.package_manager.status(session, transaction.id)
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
    good = answer.is_good and comparison.verdict is Verdict.PASSED
    signals = hard_signals(facts, comparison, job.checks)
    return Verified(good, in_words(answer, comparison), results, signals)


def _was_rebooted(job: Assignment, status: TransactionStatus) -> bool:
    """Tell whether the run went through a reboot: then the boot id proves it."""
    may_reboot = job.plan.reboot_policy is RebootPolicy.WHEN_NEEDED
    return may_reboot and bool(status.reboot_reason)


def in_words(answer: Verification, comparison: Comparison) -> str:
    """Say in one line what a verification found."""
    broken = [f"{result.check}: {result.detail}" for result in comparison.broken]
    faults = [*answer.differences, *broken]
    if faults:
        return "; ".join(faults)
    already = _names(comparison.already_broken)
    excused = f"; broken before as well: {already}" if already else ""
    return f"{answer.detail}; {counted(len(comparison.passed), 'check')} passed{excused}"


def _names(results: Sequence[CheckResult]) -> str:
    return ", ".join(result.check for result in results)
