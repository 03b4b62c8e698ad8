"""One host's next state, from its state and what was observed; pure, and complete."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum

from oakum.core.planning.hook import HookMoment
from oakum.core.rollout.ending import end, move
from oakum.core.rollout.hook_run import after_hook, given_up, undo_without_host
from oakum.core.rollout.hooks import next_hook, next_to_wake
from oakum.core.rollout.observation import (
    Answer,
    Booted,
    ChecksDone,
    HookBegins,
    HookSeen,
    Measured,
    NotAsked,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
    WentBack,
)
from oakum.core.rollout.rollout import HostRun, Unasked
from oakum.core.rollout.state import HardSignal, RunState
from oakum.core.rollout.transaction import TransactionState, TransactionStatus
from oakum.core.staging.check import Verdict
from oakum.core.staging.vitals import to_text

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
    RUN_HOOKS = "run hooks"
    MEASURE = "measure"


def work_of(run: HostRun) -> Work | None:
    """Return what a host run waits for: what its state asks for, else numbers."""
    return work_for(run.state) or (Work.MEASURE if run.is_to_answer else None)


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
            RunState.BEFORE_HOOKS | RunState.WAKING | RunState.AFTER_HOOKS | RunState.UNDOING_HOOKS
        ):
            return Work.RUN_HOOKS
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
    if isinstance(observation, NotAsked):
        return _after_own_fault(run, observation, now)
    asked = run if run.unasked is None else replace(run, unasked=None)
    match observation:
        case Unreachable():
            return _after_silence(asked, observation, now)
        case Measured():
            return _after_measuring(asked, observation)
        case WentBack():
            return _after_going_back(asked, observation, now)
        case ChecksDone() | TransactionSeen() | Booted() | Verified() | HookBegins() | HookSeen():
            heard = asked if asked.silent_since is None else replace(asked, silent_since=None)
            return _after_answer(heard, observation, now)


def _after_answer(run: HostRun, observation: Answer, now: datetime) -> HostRun:
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
        case HookBegins() | HookSeen():
            return after_hook(run, observation, now)
        case ChecksDone() | TransactionSeen() | Booted() | Verified():
            return run


def _after_checks(run: HostRun, seen: ChecksDone, now: datetime) -> HostRun:
    known = replace(
        run,
        checks_before=seen.results,
        boot_id_before=seen.boot_id,
        vitals_before=None if seen.vitals is None else to_text(seen.vitals),
    )
    if seen.refusal:
        return move(known, RunState.REFUSED, seen.refusal, now)
    broken = [result.check for result in seen.results if result.verdict is not Verdict.PASSED]
    reason = f"already broken before: {', '.join(broken)}" if broken else "checks passed before"
    has_hooks = next_hook(run.hooks, HookMoment.BEFORE) is not None
    return move(known, RunState.BEFORE_HOOKS if has_hooks else RunState.UPGRADING, reason, now)


def _after_measuring(run: HostRun, seen: Measured) -> HostRun:
    """Keep the first numbers of the round that the host is asked for."""
    if not run.is_to_answer or seen.sample.round != run.asked_round:
        return run
    return replace(run, sample=seen.sample)


def _after_upgrade(run: HostRun, seen: TransactionSeen, now: datetime) -> HostRun:
    status = seen.status
    match status.state:
        case TransactionState.ABSENT | TransactionState.RUNNING | TransactionState.INTERRUPTED:
            return _without_end(run, seen, RunState.FAILED, now)
        case TransactionState.REFUSED:
            return end(run, RunState.REFUSED, status.reason, now)
        case TransactionState.FAILED:
            return end(replace(run, signals=seen.signals), RunState.FAILED, status.reason, now)
        case TransactionState.SUCCEEDED if status.reboot_reason and seen.may_reboot:
            known = replace(run, boot_id_before=boot_to_leave(run.boot_id_before, status))
            return move(known, RunState.REBOOTING, status.reboot_reason, now)
        case TransactionState.SUCCEEDED:
            return _wake(run, "transaction succeeded", now)


def boot_to_leave(known: str, status: TransactionStatus) -> str:
    """Return the boot in which the change was completed: only a later one makes it effective.

    A power cut in the middle of the transaction was a boot too, and proves nothing. What was known
    before stands where the journal tells the same boot, or none.
    """
    return known if known.startswith(status.boot_id) else status.boot_id


def _wake(run: HostRun, reason: str, now: datetime) -> HostRun:
    is_at_rest = next_to_wake(run.hooks) is not None
    return move(run, RunState.WAKING if is_at_rest else RunState.VERIFYING, reason, now)


def _after_rollback(run: HostRun, seen: TransactionSeen, now: datetime) -> HostRun:
    status = seen.status
    match status.state:
        case TransactionState.ABSENT | TransactionState.RUNNING | TransactionState.INTERRUPTED:
            return _without_end(run, seen, RunState.ROLLBACK_FAILED, now)
        case TransactionState.REFUSED | TransactionState.FAILED:
            return end(run, RunState.ROLLBACK_FAILED, status.reason, now)
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
    if seen.status.state is TransactionState.INTERRUPTED:
        what = (
            f"{transaction} was interrupted and does not get on ({seen.status.last_words}); mend "
            "what holds it up, then roll back"
        )
    else:
        what = (
            f"{transaction} goes on and is not ended, for it may be inside dpkg; see what holds it "
            f"(systemctl status oakum-{transaction}), let it end, then roll back"
        )
    return end(run, hung, f"no end after {minutes} minutes, at {step}: {what}", now)


def _after_boot(run: HostRun, seen: Booted, now: datetime) -> HostRun:
    if seen.boot_id != run.boot_id_before:
        return _wake(run, "booted anew", now)
    # Counted from when it was told: nobody may have done so while no controller was there.
    since = run.at_work_since or now
    waited = now - since
    if waited < PATIENCE:
        return replace(run, at_work_since=since)
    reason = (
        f"told to reboot {int(waited.total_seconds() // 60)} minutes ago and still up "
        f"({run.reason}); see what holds it (systemctl list-jobs, systemd-inhibit) and reboot it"
    )
    return end(run, RunState.FAILED, reason, now)


def _after_verification(run: HostRun, seen: Verified, now: datetime) -> HostRun:
    known = replace(run, checks_after=seen.results, signals=seen.signals)
    if seen.is_good and run.seconds is None and run.started_at is not None:
        # Not counted again after the soak.
        known = replace(known, seconds=round((now - run.started_at).total_seconds()))
    if not seen.is_good:
        return end(known, RunState.FAILED, seen.detail, now)
    if next_hook(run.hooks, HookMoment.AFTER) is not None:
        return move(known, RunState.AFTER_HOOKS, seen.detail, now)
    return end(known, RunState.SUCCEEDED, seen.detail, now)


def _after_rollback_verification(run: HostRun, seen: Verified, now: datetime) -> HostRun:
    known: HostRun = replace(run, checks_after=seen.results)
    state = RunState.ROLLED_BACK if seen.is_good else RunState.ROLLBACK_FAILED
    return end(known, state, seen.detail, now)


def _after_going_back(run: HostRun, seen: WentBack, now: datetime) -> HostRun:
    """Follow a host that goes back by itself: the roll-back has the name that ours would have.

    That it was silent speaks against the change. When only no controller was there to confirm it,
    nothing does.
    """
    match run.state:
        case RunState.UPGRADING | RunState.REBOOTING | RunState.VERIFYING:
            lost = () if run.silent_since is None else (HardSignal.UNREACHABLE,)
            signals = tuple(dict.fromkeys((*run.signals, *lost)))
            return move(replace(run, signals=signals), RunState.ROLLING_BACK, seen.reason, now)
        case (
            RunState.PENDING
            | RunState.CHECKING
            | RunState.BEFORE_HOOKS
            | RunState.WAKING
            | RunState.AFTER_HOOKS
            | RunState.UNDOING_HOOKS
            | RunState.SUCCEEDED
            | RunState.REFUSED
            | RunState.FAILED
            | RunState.ROLLING_BACK
            | RunState.VERIFYING_ROLLBACK
            | RunState.ROLLED_BACK
            | RunState.ROLLBACK_FAILED
            | RunState.SKIPPED
        ):
            return run


def _after_own_fault(run: HostRun, seen: NotAsked, now: datetime) -> HostRun:
    """Keep the host where it is: it was not silent, for nobody asked it."""
    if work_for(run.state) is None:
        return run
    since = now if run.unasked is None else run.unasked.since
    unasked = Unasked(since, seen.reason, is_lasting=now - since >= PATIENCE)
    return replace(run, reason=f"not asked: {seen.reason}", silent_since=None, unasked=unasked)


def _after_silence(run: HostRun, seen: Unreachable, now: datetime) -> HostRun:
    if work_for(run.state) is None:
        return run  # nothing was asked of it; its reason is that of its state
    since = run.silent_since or now
    if seen.asked_since is not None:
        # While no controller was there nobody asked, and the host was not silent.
        since = max(since, seen.asked_since)
    waited = now - since
    if waited < PATIENCE + _time_to_go_back(run, seen):
        return replace(run, reason=f"unreachable: {seen.reason}", silent_since=since)
    lasting = f"unreachable for {int(waited.total_seconds() // 60)} minutes: {seen.reason}"
    lost = given_up(replace(run, signals=(HardSignal.UNREACHABLE,)), lasting)
    match run.state:
        case RunState.CHECKING | RunState.BEFORE_HOOKS:
            return end(lost, RunState.REFUSED, lasting, now, is_cut_off=True)
        case RunState.UPGRADING | RunState.REBOOTING | RunState.WAKING | RunState.VERIFYING if (
            _is_watched(run, seen)
        ):
            # It goes back by itself. Should it be heard before, it is put back all the same.
            return move(lost, RunState.ROLLING_BACK, lasting, now)
        case (
            RunState.UPGRADING
            | RunState.REBOOTING
            | RunState.WAKING
            | RunState.VERIFYING
            | RunState.AFTER_HOOKS
        ):
            return end(lost, RunState.FAILED, lasting, now, is_cut_off=True)
        case RunState.UNDOING_HOOKS if run.ending is not None:
            return undo_without_host(run, run.ending, lasting, now)
        case RunState.ROLLING_BACK | RunState.VERIFYING_ROLLBACK:
            return end(run, RunState.ROLLBACK_FAILED, lasting, now, is_cut_off=True)
        case (
            RunState.UNDOING_HOOKS
            | RunState.PENDING
            | RunState.SUCCEEDED
            | RunState.REFUSED
            | RunState.FAILED
            | RunState.ROLLED_BACK
            | RunState.ROLLBACK_FAILED
            | RunState.SKIPPED
        ):
            return run


def _time_to_go_back(run: HostRun, seen: Unreachable) -> timedelta:
    """Return how much longer a silent host is waited for, as it may be heard once it went back."""
    is_put_back = run.state is RunState.ROLLING_BACK or run.state is RunState.VERIFYING_ROLLBACK
    return timedelta(seconds=seen.deadman_seconds if is_put_back and _is_watched(run, seen) else 0)


def _is_watched(run: HostRun, seen: Unreachable) -> bool:
    """Tell whether the host goes back by itself: it does not once it was found well."""
    return bool(seen.deadman_seconds) and run.seconds is None
