"""What past rollouts tell of a host that the present one leaves alone."""

from collections.abc import Iterable
from datetime import datetime

from oakum.core.ids import RolloutId
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState


def why_down(
    newest_first: Iterable[tuple[RolloutId, HostRun]],
    last_seen: datetime | None,
    mended_at: datetime | None,
) -> str:
    """Return how its past runs left a host down, in words; empty when they did not.

    A run that changed nothing says nothing of how the host is after an earlier one that failed;
    a person's word that it is mended is about all that ended before.
    """
    for rollout, run in newest_first:
        if _is_past(run, mended_at):
            continue
        if run.stays_out:
            return f"was not put back as a hook found it in {rollout}"
        match run.state:
            case RunState.FAILED:
                return f"failed in {rollout}"
            case RunState.ROLLBACK_FAILED:
                return f"could not be put back in {rollout}"
            case RunState.SUCCEEDED | RunState.ROLLED_BACK:
                return ""
            case RunState.REFUSED if run.is_down and not _is_past(run, last_seen):
                return f"could not be reached in {rollout}"
            case (
                RunState.REFUSED
                | RunState.PENDING
                | RunState.CHECKING
                | RunState.BEFORE_HOOKS
                | RunState.UPGRADING
                | RunState.REBOOTING
                | RunState.WAKING
                | RunState.VERIFYING
                | RunState.AFTER_HOOKS
                | RunState.UNDOING_HOOKS
                | RunState.ROLLING_BACK
                | RunState.VERIFYING_ROLLBACK
                | RunState.SKIPPED
            ):
                continue
    return ""


def _is_past(run: HostRun, moment: datetime | None) -> bool:
    return moment is not None and run.ended_at is not None and moment > run.ended_at
