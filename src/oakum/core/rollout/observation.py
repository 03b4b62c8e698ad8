"""What the reconciler learns about a host run between two decisions."""

from dataclasses import dataclass
from datetime import timedelta

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
class Unreachable:
    """The host could not be asked just now."""

    reason: str


Observation = ChecksDone | TransactionSeen | Booted | Verified | Unreachable
