"""Which host runs are handed out to workers, and which workers are there to take them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from oakum.core.ids import HostRunId, RolloutId


@dataclass(frozen=True, slots=True)
class Job:
    """A host run to be driven on, by whoever holds it."""

    rollout: RolloutId
    host_run: HostRunId
    epoch: int
    """Of the rollout's lease, when the job was given out."""
    group: str = ""
    """The network zone whose workers are near the host; empty is the default group."""
    attempt: int = 0
    """Which delivery of the host run this is; 0 where the engine does not count them."""


Held = tuple[HostRunId, int]
"""A host run and the number of the attempt."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker as it tells of itself."""

    id: str
    """Of this process, never used again: a worker that comes back is another one."""
    groups: tuple[str, ...]
    version: str
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a delivery is taken back."""

    alive_since: datetime
    """Workers that were not seen since are dead."""
    moving_since: datetime
    """A live worker that has stored nothing of a host run since is stuck in it."""
    waiting_since: datetime
    """What nobody has taken since was lost on its way."""


class DeliveryStore(Protocol):
    """One row a host run: waiting for a worker, at work with one, or over."""

    def offer(self, jobs: Sequence[Job], now: datetime) -> tuple[Job, ...]:
        """Let jobs wait for a worker unless they wait already or are at work.

        Returns those that wait from now on, each with the number of its attempt.
        """
        ...

    def take(self, job: Job, worker: str, now: datetime) -> Job | None:
        """Have a worker hold a job that waits; None when it waits no longer, or not as this one.

        A job without an attempt, as an older Oakum gave it out, takes the one that waits.
        """
        ...

    def holds(self, job: Job, worker: str, now: datetime) -> bool:
        """Tell whether the worker still holds the job, and note that it gets on with it."""
        ...

    def end(self, job: Job, worker: str, now: datetime, defect: str = "") -> None:
        """End a job that the worker holds; a defect of ours is kept until it is named."""
        ...

    def withdraw(self, host_run: HostRunId, now: datetime) -> None:
        """End it whoever holds it."""
        ...

    def lost(self, job: Job, now: datetime) -> None:
        """End a delivery that was fetched by a worker that died before it took it."""
        ...

    def take_back(self, limits: Limits, now: datetime) -> tuple[HostRunId, ...]:
        """End what dead workers hold, what does not get on, and what was lost; return them."""
        ...

    def broken(self, rollout: RolloutId) -> Mapping[HostRunId, str]:
        """Return, once, the rollout's runs whose last delivery ended by a defect, and which."""
        ...

    def beat(self, worker: WorkerSeen, at_work: Collection[Job]) -> frozenset[Held]:
        """Note that a worker is alive, and return what it holds.

        What it held and knows nothing of ends: it is given out again.
        """
        ...

    def leave(self, worker: str, now: datetime) -> None:
        """Forget a worker that ends, and end what it holds."""
        ...

    def workers(self, alive_since: datetime) -> tuple[WorkerSeen, ...]:
        """Return the workers that were seen since, by id."""
        ...

    def waiting(self) -> dict[str, int]:
        """Return how many jobs wait in each group."""
        ...
