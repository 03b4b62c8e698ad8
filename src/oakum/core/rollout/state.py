"""The states of a rollout and of each host in it. Every one is an enum; none has a default."""

from enum import Enum

from oakum.core.choice import Choice


class Phase(Enum):
    """Where a rollout stands."""

    WAITING = "waiting"
    """For its window, or for the soak of a ring to pass."""
    PROGRESSING = "progressing"
    """Hosts of the current ring are being changed."""
    PAUSED = "paused"
    """By a person, or by a gate that could not tell. Running transactions end; none starts but on
    hosts whose hooks have begun."""
    ROLLING_BACK = "rolling back"
    ABORTING = "aborting"
    """Hosts that are at work end; none begins."""
    SUCCEEDED = "succeeded"
    ABORTED = "aborted"
    """By a person, with the hosts left as they are."""
    ROLLED_BACK = "rolled back"
    """Every host that was to be put back is as it was before."""
    NEEDS_HELP = "needs help"
    """Final: at least one host could not be put back. It is named, with the next step."""

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more will happen by itself."""
        return self in {
            Phase.SUCCEEDED,
            Phase.ABORTED,
            Phase.ROLLED_BACK,
            Phase.NEEDS_HELP,
        }


class RunState(Choice):
    """Where one host stands in a rollout."""

    PENDING = "pending"
    CHECKING = "checking"
    """The checks before the change."""
    BEFORE_HOOKS = "hooks before"
    """What is to be done before the change: drain, silence, quiesce."""
    UPGRADING = "upgrading"
    REBOOTING = "rebooting"
    WAKING = "waking"
    """What was brought to rest for the change is woken, so that it can be verified."""
    VERIFYING = "verifying"
    AFTER_HOOKS = "hooks after"
    """The host was found well; what must hold beyond that: smoke tests."""
    UNDOING_HOOKS = "undoing hooks"
    """How it ends is known; what hooks did is taken back first."""
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    """The host declined before anything was changed: drift, preflight, unreachable."""
    FAILED = "failed"
    """It was changed and is not as it should be, or a hook that must pass after it did not."""
    ROLLING_BACK = "rolling back"
    VERIFYING_ROLLBACK = "verifying the roll-back"
    ROLLED_BACK = "rolled back"
    ROLLBACK_FAILED = "roll-back failed"
    SKIPPED = "skipped"
    """Never begun: the rollout ended first, or a person went on without it."""

    @property
    def is_final(self) -> bool:
        """Tell whether the host needs nothing more from this rollout as it stands."""
        return self in _FINAL

    @property
    def is_busy(self) -> bool:
        """Tell whether work is under way on the host."""
        return self in _BUSY

    @property
    def may_have_changed(self) -> bool:
        """Tell whether the host may differ from what it was before, and would be rolled back."""
        return self in _CHANGED

    @property
    def is_put_back(self) -> bool:
        """Tell whether the host goes back or has gone, or was to and could not."""
        return self in _PUT_BACK


_FINAL = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.REFUSED,
        RunState.FAILED,
        RunState.ROLLED_BACK,
        RunState.ROLLBACK_FAILED,
        RunState.SKIPPED,
    }
)
_BUSY = frozenset(RunState) - _FINAL - {RunState.PENDING}
_PUT_BACK = frozenset(
    {
        RunState.ROLLING_BACK,
        RunState.VERIFYING_ROLLBACK,
        RunState.ROLLED_BACK,
        RunState.ROLLBACK_FAILED,
    }
)
_CHANGED = frozenset(
    {
        RunState.UPGRADING,
        RunState.REBOOTING,
        RunState.WAKING,
        RunState.VERIFYING,
        RunState.AFTER_HOOKS,
        RunState.SUCCEEDED,
        RunState.FAILED,
    }
)


class HardSignal(Enum):
    """What no number of good hosts outweighs: seen once in a first ring, it stops."""

    UNREACHABLE = "unreachable after the change"
    BROKEN_PACKAGES = "packages left half-way"
    UNIT_FAILED = "a checked unit failed"
    NAMES_LOST = "name resolution lost"
    ROUTE_LOST = "a route lost"
    RULES_LOST = "routing rules lost"
    CRITICAL_UNIT = "a critical unit down"


class Wish(Enum):
    """What a person wants of a rollout that is under way."""

    NONE = "none"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    ROLL_BACK = "roll back"
