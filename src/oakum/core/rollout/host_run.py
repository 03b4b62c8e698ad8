"""One host's next state, from its state and what was observed; pure, and complete."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum

from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
)
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import HardSignal, RunState
from oakum.core.rollout.transaction import TransactionState
from oakum.core.staging.check import Verdict

PATIENCE = timedelta(minutes=15)
"""How long a host may stay silent, or put off a reboot, before that is taken for its answer."""


class Work(Enum):
    """What must be done on a host in a state. Each may be repeated safely."""

    ASK_CHECKS = "ask checks"
    DRIVE_UPGRADE = "drive the upgrade"
    DRIVE_REBOOT = "drive the reboot"
    VERIFY = "verify"
    DRIVE_ROLLBACK = "drive the roll-back"
    VERIFY_ROLLBACK = "verify the roll-back"


def work_for(state: RunState) -> Work | None:
    """Return what a host run in this state waits for; None when it waits for nothing."""
    match state:
        case RunState.CHECKING:
            return Work.ASK_CHECKS
        case RunState.UPGRADING:
            return Work.DRIVE_UPGRADE
        case RunState.REBOOTING:
            return Work.DRIVE_REBOOT
        case RunState.VERIFYING:
            return Work.VERIFY
        case RunState.ROLLING_BACK:
            return Work.DRIVE_ROLLBACK
        case RunState.VERIFYING_ROLLBACK:
            return Work.VERIFY_ROLLBACK
        case (
            RunState.PENDING
            | RunState.SUCCEEDED
            | RunState.REFUSED
            | RunState.FAILED
            | RunState.ROLLED_BACK
            | RunState.ROLLBACK_FAILED
            | RunState.SKIPPED
        ):
            return None


def advance(run: HostRun, observation: Observation, now: datetime) -> HostRun:
    """Return the run after an observation; one that does not fit its state changes nothing.

    Observations can come late or twice (a controller was restarted): the state decides.
    """
    if isinstance(observation, Unreachable):
        return _after_silence(run, observation, now)
    if run.silent_since is not None:
        run = replace(run, silent_since=None)
    match observation:
        case ChecksDone() if run.state is RunState.CHECKING:
            return _after_checks(run, observation, now)
        case TransactionSeen() if run.state is RunState.UPGRADING:
            return _after_upgrade(run, observation, now)
        case TransactionSeen() if run.state is RunState.ROLLING_BACK:
            return _after_rollback(run, observation, now)
        case Booted() if run.state is RunState.REBOOTING:
            return _after_boot(run, observation, now)
        case Verified() if run.state is RunState.VERIFYING:
            return _after_verification(run, observation, now)
        case Verified() if run.state is RunState.VERIFYING_ROLLBACK:
            return _after_rollback_verification(run, observation, now)
        case ChecksDone() | TransactionSeen() | Booted() | Verified():
            return run


def move(run: HostRun, state: RunState, reason: str, now: datetime) -> HostRun:
    """Return the run in another state, with the reason and the time."""
    return replace(
        run,
        state=state,
        reason=reason,
        changed_at=now,
        silent_since=None,
        at_work_since=None,
        started_at=run.started_at or now,
        ended_at=now if state.is_final else None,
    )


def _after_checks(run: HostRun, seen: ChecksDone, now: datetime) -> HostRun:
    known = replace(run, checks_before=seen.results, boot_id_before=seen.boot_id)
    broken = [result.check for result in seen.results if result.verdict is not Verdict.PASSED]
    reason = f"already broken before: {', '.join(broken)}" if broken else "checks passed before"
    return move(known, RunState.UPGRADING, reason, now)


def _after_upgrade(run: HostRun, seen: TransactionSeen, now: datetime) -> HostRun:
    status = seen.status
    match status.state:
        case TransactionState.ABSENT | TransactionState.RUNNING | TransactionState.INTERRUPTED:
            return _without_end(run, seen, RunState.FAILED, now)
        case TransactionState.REFUSED:
            return move(run, RunState.REFUSED, status.reason, now)
        case TransactionState.FAILED:
            return move(run, RunState.FAILED, status.reason, now)
        case TransactionState.SUCCEEDED if status.reboot_reason and seen.may_reboot:
            return move(run, RunState.REBOOTING, status.reboot_reason, now)
        case TransactionState.SUCCEEDED:
            return move(run, RunState.VERIFYING, "transaction succeeded", now)


def _after_rollback(run: HostRun, seen: TransactionSeen, now: datetime) -> HostRun:
    status = seen.status
    match status.state:
        case TransactionState.ABSENT | TransactionState.RUNNING | TransactionState.INTERRUPTED:
            return _without_end(run, seen, RunState.ROLLBACK_FAILED, now)
        case TransactionState.REFUSED | TransactionState.FAILED:
            return move(run, RunState.ROLLBACK_FAILED, status.reason, now)
        case TransactionState.SUCCEEDED:
            return move(run, RunState.VERIFYING_ROLLBACK, "rolled back on disk", now)


def _without_end(run: HostRun, seen: TransactionSeen, hung: RunState, now: datetime) -> HostRun:
    """Let a transaction go on, or give up waiting for it; on its host it goes on all the same.

    It may be in the middle of dpkg, so nobody ends it: a person has to see what holds it.
    """
    since = run.at_work_since or now
    step = seen.status.step or seen.status.state.value
    if now - since < seen.allowed:
        return replace(run, reason=step, at_work_since=since)
    is_upgrade = hung is RunState.FAILED
    transaction = run.transaction if is_upgrade else run.rollback_transaction
    minutes = int((now - since).total_seconds() // 60)
    reason = (
        f"no end after {minutes} minutes, at {step}: {transaction} goes on and is not ended, for "
        f"it may be inside dpkg; see what holds it (systemctl status oakum-{transaction}), let it "
        "end, then roll back"
    )
    return move(run, hung, reason, now)


def _after_boot(run: HostRun, seen: Booted, now: datetime) -> HostRun:
    if seen.boot_id != run.boot_id_before:
        return move(run, RunState.VERIFYING, "booted anew", now)
    waited = now - (run.changed_at or now)
    if waited < PATIENCE:
        return run
    reason = (
        f"told to reboot {int(waited.total_seconds() // 60)} minutes ago and still up "
        f"({run.reason}); see what holds it (systemctl list-jobs, systemd-inhibit) and reboot it"
    )
    return move(run, RunState.FAILED, reason, now)


def _after_verification(run: HostRun, seen: Verified, now: datetime) -> HostRun:
    known = replace(run, checks_after=seen.results, signals=seen.signals)
    if seen.is_good and run.seconds is None and run.started_at is not None:
        # Not counted again after the soak.
        known = replace(known, seconds=round((now - run.started_at).total_seconds()))
    state = RunState.SUCCEEDED if seen.is_good else RunState.FAILED
    return move(known, state, seen.detail, now)


def _after_rollback_verification(run: HostRun, seen: Verified, now: datetime) -> HostRun:
    known: HostRun = replace(run, checks_after=seen.results)
    state = RunState.ROLLED_BACK if seen.is_good else RunState.ROLLBACK_FAILED
    return move(known, state, seen.detail, now)


def _after_silence(run: HostRun, seen: Unreachable, now: datetime) -> HostRun:
    if work_for(run.state) is None:
        return run  # nothing was asked of it; its reason is that of its state
    since = run.silent_since or now
    waited = now - since
    if waited < PATIENCE:
        return replace(run, reason=f"unreachable: {seen.reason}", silent_since=since)
    lasting = f"unreachable for {int(waited.total_seconds() // 60)} minutes: {seen.reason}"
    lost = replace(run, signals=(HardSignal.UNREACHABLE,))
    match run.state:
        case RunState.CHECKING:
            return move(lost, RunState.REFUSED, lasting, now)
        case RunState.UPGRADING | RunState.REBOOTING | RunState.VERIFYING:
            return move(lost, RunState.FAILED, lasting, now)
        case RunState.ROLLING_BACK | RunState.VERIFYING_ROLLBACK:
            return move(run, RunState.ROLLBACK_FAILED, lasting, now)
        case (
            RunState.PENDING
            | RunState.SUCCEEDED
            | RunState.REFUSED
            | RunState.FAILED
            | RunState.ROLLED_BACK
            | RunState.ROLLBACK_FAILED
            | RunState.SKIPPED
        ):
            return run
