"""What the reconciler learns about a host run between two decisions."""

from dataclasses import dataclass

from oakum.core.rollout.state import HardSignal
from oakum.core.rollout.transaction import TransactionStatus
from oakum.core.staging.check import CheckResult


@dataclass(frozen=True, slots=True)
class ChecksDone:
    """The checks before the change were asked."""

    results: tuple[CheckResult, ...]
    boot_id: str


@dataclass(frozen=True, slots=True)
class TransactionSeen:
    """The journal of the run's present transaction was read."""

    status: TransactionStatus
    may_reboot: bool


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
class Unreachable:
    """The host could not be asked just now."""

    reason: str
    deadman_seconds: int = 0
    """After how long it goes back by itself, which may be what lets it be heard again."""


@dataclass(frozen=True, slots=True)
class WentBack:
    """The host goes back, or has gone back, by itself: nobody had confirmed it in time."""

    reason: str


Observation = ChecksDone | TransactionSeen | Booted | Verified | Unreachable | WentBack
