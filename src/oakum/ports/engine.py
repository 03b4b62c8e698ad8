"""Who carries out the work: an engine only delivers it; the stored state decides what it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from oakum.core.ids import HostRunId, RolloutId


@dataclass(frozen=True, slots=True)
class Job:
    """A host run to be driven on, by whoever holds this epoch of the rollout's lease."""

    rollout: RolloutId
    host_run: HostRunId
    epoch: int


Perform = Callable[[Job], Awaitable[None]]


class Engine(Protocol):
    """Delivers jobs. A job that comes twice, late or to a dead worker must do no harm."""

    def submit(self, job: Job) -> None:
        """Have the job done soon; one that is already at work is not begun again."""
        ...

    def cancel(self, host_run: HostRunId) -> None:
        """Stop looking after a host run. What runs on the host goes on."""
        ...

    async def run_worker(self, perform: Perform) -> None:
        """Carry out jobs until cancelled."""
        ...

    def janitor(self) -> tuple[HostRunId, ...]:
        """Forget jobs that ended; return those that ended by a defect of ours."""
        ...
