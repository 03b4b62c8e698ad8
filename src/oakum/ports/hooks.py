"""Running hooks: each at most once, with a record of how it ended where it was run."""

from dataclasses import dataclass
from typing import Protocol

from oakum.core.orders.order import SignedOrder
from oakum.core.rollout.hooks import HookStatus
from oakum.ports.transport import Session


@dataclass(frozen=True, slots=True)
class HookOrder:
    """Where a signed order holds a hook: for hosts that obey nothing else."""

    signed: SignedOrder
    public_key: str
    """That snapshots are signed with: it belongs to what hosts check."""
    number: int
    """Its place among the plan's hooks, from 1 on."""
    is_undo: bool


@dataclass(frozen=True, slots=True)
class HookJob:
    """A hook, or the undo of one, complete in itself."""

    id: str
    """Of this execution: it names the record, and stands for nothing else ever."""
    command: tuple[str, ...]
    timeout_seconds: int
    environment: tuple[tuple[str, str], ...]
    order: HookOrder | None = None


class HookRunner(Protocol):
    """Runs hooks in one place. Implementations: on hosts, on the controller."""

    @property
    def record(self) -> str:
        """Return a name for the place of the records; empty when each host has its own."""
        ...

    async def start(self, session: Session | None, job: HookJob) -> None:
        """Begin a hook, detached from whoever asked; one that was begun is left as it is.

        Raises HostError when it was not begun: then it never will be, unless asked for again.
        """
        ...

    async def status(self, session: Session | None, job: HookJob) -> HookStatus:
        """Read its record."""
        ...


@dataclass(frozen=True, slots=True)
class HookRunners:
    """One for each place."""

    on_host: HookRunner
    on_controller: HookRunner
