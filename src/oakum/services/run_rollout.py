"""Run a rollout: observe, decide, store, act, and again, until it is at rest.

Every new state is stored, with its audit event and with what is to be done about it, before
anything is done. Whoever holds the lease may decide; a controller that was killed is followed by
the next one that takes the lease, which reads the same rows and goes on. See
docs/decisions/0001-engine.md.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from oakum.core.errors import (
    ConflictError,
    OakumError,
    StorageAwayError,
    StorageContendedError,
)
from oakum.core.ids import HostId, RolloutId
from oakum.core.planning.openings import HostFreeze
from oakum.core.rollout.decide import settle
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase, Wish
from oakum.core.text import first_of
from oakum.ports.clock import Clock
from oakum.ports.deliveries import Job
from oakum.ports.engine import Engine
from oakum.ports.stores import SeenRollout, UnitOfWork, UnitOfWorkFactory
from oakum.services.drive_run import Driver, MayAct
from oakum.services.record_changes import changes_between, record

LEASE = timedelta(seconds=30)
TICK_SECONDS = 1.0
AWAY_SECONDS = 3.0
NAMED = 5

OnChange = Callable[[Rollout], None]
Say = Callable[[str], None]


class LostLeaseError(ConflictError):
    """Another controller has taken the rollout over."""


def keeps_lease(holder: str, clock: Clock) -> MayAct:
    """Return what tells whether a job is still of the lease that this controller holds."""

    def may_act(job: Job, work: UnitOfWork) -> bool:
        now = clock.now()
        until = now + LEASE
        return work.rollouts.take_lease(job.rollout, holder, now=now, until=until) == job.epoch

    return may_act


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Drives one rollout with one lease."""

    rollout: RolloutId
    holder: str
    """Names this controller: host, process and a random part."""
    actor: str
    zones: Mapping[HostId, str]
    """Near which workers each host is."""
    begin: UnitOfWorkFactory
    clock: Clock
    engine: Engine
    driver: Driver | None
    """Who works in this process; None where workers elsewhere do."""
    on_change: OnChange
    say: Say
    freezes: Callable[[], tuple[HostFreeze, ...]] = tuple
    """What is declared to be frozen now, of the hosts of this rollout."""

    async def run(self) -> Rollout:
        """Drive the rollout until it ended or is paused; return it as it then stands.

        Raises LostLeaseError when another controller is at work on it.
        """
        worker = self.driver and asyncio.create_task(self.engine.run_worker(self.driver.perform))
        try:
            return await self._reconcile()
        finally:
            if worker:
                worker.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await worker
            with contextlib.suppress(StorageAwayError), self.begin() as work:
                work.rollouts.release_lease(self.rollout, self.holder)
                work.commit()

    async def _reconcile(self) -> Rollout:
        seen, said = None, _SaidOnce(self.say)
        while True:
            try:
                seen = self._decide(seen)
                self.on_change(seen.rollout)
                if _is_at_rest(seen.rollout):
                    return seen.rollout
                self._look_after_workers(said)
            except StorageContendedError:
                await asyncio.sleep(0)  # what it decided was of a moment that is over
                continue
            except StorageAwayError as error:
                said(f"{error.message}; waiting for it, and going on then")
                await asyncio.sleep(AWAY_SECONDS)
                continue
            await asyncio.sleep(TICK_SECONDS)

    def _decide(self, seen: SeenRollout | None) -> SeenRollout:
        now = self.clock.now()
        with self.begin() as work:
            epoch = work.rollouts.take_lease(self.rollout, self.holder, now=now, until=now + LEASE)
            if epoch is None:
                raise LostLeaseError(
                    f"another controller is at work on {self.rollout}",
                    hint=f"watch it with `oakum rollout watch {self.rollout} --only-look`",
                )
            seen = work.rollouts.look(self.rollout, seen)
            before = seen.rollout
            after = settle(self._with_freezes(before), now)
            if after != before:
                seen = replace(seen, rollout=after)
                work.rollouts.save(after, before)
                record(changes_between(before, after), work, at=now, actor=self.actor)
            self.engine.submit([self._job(run, epoch) for run in _awaited(after)], work)
            work.commit()
        return seen

    def _with_freezes(self, rollout: Rollout) -> Rollout:
        """Return what is decided about: with what is frozen now, which is stored as an input."""
        if rollout.phase.is_final:
            return rollout  # nothing of it is begun any more, and a way back is never frozen
        return replace(rollout, freezes=self.freezes())

    def _job(self, run: HostRun, epoch: int) -> Job:
        return Job(self.rollout, run.id, epoch, self.zones.get(run.host, ""))

    def _look_after_workers(self, said: Say) -> None:
        if broken := self.engine.janitor(self.rollout):
            named = first_of([f"{run}: {why}" for run, why in broken.items()], NAMED, "; ")
            raise OakumError(
                f"driving hosts ended by a defect of Oakum: {named}",
                hint="the hosts' transactions go on; report this, then run "
                f"`oakum rollout watch {self.rollout}` to take the rollout up again",
            )
        if lacking := self.engine.lacking():
            commands = (f"oakum worker --group {g}" if g else "oakum worker" for g in lacking)
            said(f"hosts wait, and no worker takes them; start `{'`, `'.join(commands)}`")
        else:
            said("")


class _SaidOnce:
    """Says what is new; the same again only after something else."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._last = ""

    def __call__(self, line: str) -> None:
        if line and line != self._last:
            self._say(line)
        self._last = line


def _busy(rollout: Rollout) -> list[HostRun]:
    return [run for run in rollout.runs if run.state.is_busy]


def _awaited(rollout: Rollout) -> list[HostRun]:
    """Return the runs that somebody has to drive on, or to ask for numbers."""
    if not rollout.measuring.is_open:
        return _busy(rollout)
    return [run for run in rollout.runs if run.state.is_busy or run.is_to_answer]


def _is_at_rest(rollout: Rollout) -> bool:
    return (rollout.phase.is_final or rollout.phase is Phase.PAUSED) and not _busy(rollout)


def is_idle(rollout: Rollout) -> bool:
    """Tell whether no controller is needed: nothing at work, to be begun or to be granted."""
    return _is_at_rest(rollout) and rollout.wish is Wish.NONE
