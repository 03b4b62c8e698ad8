"""What the reconciler learns about a host run between two decisions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from oakum.core.rollout.hooks import HookStatus
from oakum.core.rollout.measuring import Sample
from oakum.core.rollout.state import HardSignal
from oakum.core.rollout.transaction import TransactionStatus
from oakum.core.staging.check import CheckResult
from oakum.core.staging.vitals import Vitals


@dataclass(frozen=True, slots=True)
class ChecksDone:
    """The checks before the change were asked."""

    results: tuple[CheckResult, ...]
    boot_id: str
    vitals: Vitals | None = None
    refusal: str = ""
    """Why nothing may be changed on this host now, with the next step."""


@dataclass(frozen=True, slots=True)
class TransactionSeen:
    """The journal of the run's present transaction was read."""

    status: TransactionStatus
    may_reboot: bool
    signals: tuple[HardSignal, ...] = ()
    """What a transaction that failed left behind."""
    allowed: timedelta = timedelta(minutes=30)
    """How long it may be at work before it must be hung."""


@dataclass(frozen=True, slots=True)
class Booted:
    """The host answers, under this boot id."""

    boot_id: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Planned was held against installed, memory, boot and checks."""

    is_good: bool
    detail: str
    results: tuple[CheckResult, ...]
    signals: tuple[HardSignal, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The host's metrics were read."""

    sample: Sample


@dataclass(frozen=True, slots=True)
class HookBegins:
    """The next hook, or its undo, is about to be begun. Nothing was done yet."""

    name: str
    is_undo: bool
    record: str
    """Names the place whose record will tell how it ended; empty for the host's own."""


@dataclass(frozen=True, slots=True)
class HookSeen:
    """The record of a hook that was begun, or of its undo, was read."""

    name: str
    is_undo: bool
    status: HookStatus


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The host could not be asked just now."""

    reason: str
    deadman_seconds: int = 0
    """After how long it goes back by itself, which may be what lets it be heard again."""
    asked_since: datetime | None = None
    """Since when whoever asks has done so; None where that is not known."""


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Whoever drives the host could not do its own part: nothing is known of the host."""

    reason: str


@dataclass(frozen=True, slots=True)
class WentBack:
    """The host goes back, or has gone back, by itself: nobody had confirmed it in time."""

    reason: str


Answer = ChecksDone | TransactionSeen | Booted | Verified | HookBegins | HookSeen
"""What a host that was asked says of itself."""
Observation = Answer | Measured | Unreachable | NotAsked | WentBack
