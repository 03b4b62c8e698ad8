"""Who carries out the work: an engine only delivers it; the stored state decides what it is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from oakum.core.ids import HostRunId, RolloutId
from oakum.ports.deliveries import Job
from oakum.ports.stores import UnitOfWork

Perform = Callable[[Job], Awaitable[None]]


class Engine(Protocol):
    """Delivers jobs. A job that comes twice, late or to a dead worker must do no harm."""

    def submit(self, jobs: Sequence[Job], work: UnitOfWork) -> None:
        """Have jobs done soon, once this unit of work is committed, and not at all if it is not.

        One that waits or is at work already is not begun again.
        """
        ...

    def cancel(self, host_run: HostRunId) -> None:
        """Stop looking after a host run. What runs on the host goes on."""
        ...

    def holds(self, job: Job, work: UnitOfWork) -> bool:
        """Tell, before what a job saw is stored, whether the job is still this worker's."""
        ...

    async def run_worker(self, perform: Perform) -> None:
        """Carry out jobs until cancelled."""
        ...

    def janitor(self, rollout: RolloutId) -> Mapping[HostRunId, str]:
        """Free what nobody will end any more; return the runs that ended by a defect, and which.

        Those of this rollout, once: another's are for whoever runs that one.
        """
        ...

    def lacking(self) -> tuple[str, ...]:
        """Return the worker groups that jobs wait for and that have no worker."""
        ...
