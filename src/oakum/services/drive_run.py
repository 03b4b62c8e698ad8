"""Drive one host run to where it waits for nothing, and store each thing that was seen.

Whoever does this, in the controller or in a worker elsewhere, may be gone at any moment, and may
have been replaced without knowing it: before anything is stored, `may_act` is asked, in the same
unit of work.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from oakum.core.audit.event import Action
from oakum.core.errors import (
    ConflictError,
    OakumError,
    StorageAwayError,
    StorageError,
    TimedOutError,
)
from oakum.core.ids import HostId, RolloutId
from oakum.core.inventory.host import Host
from oakum.core.rollout.ending import needs_host
from oakum.core.rollout.host_run import Work, advance, work_of
from oakum.core.rollout.observation import NotAsked, Observation, Unreachable, Verified
from oakum.core.rollout.rollout import HostRun
from oakum.core.text import counted
from oakum.ports.deliveries import Job
from oakum.ports.stores import UnitOfWork, Writer
from oakum.ports.transport import Session, Transport
from oakum.services.drive_host import Assignment, Tools, deadline_of, do, not_asked
from oakum.services.record_changes import Change, change_of_run, record

POLL_SECONDS = 1.0
RECONNECT_SECONDS = 3.0
AWAY_SECONDS = 3.0
SIGN_OF_LIFE = timedelta(seconds=60)
"""How often a run that does not change is stored all the same, so that it is seen to get on."""
JUMP_SECONDS = 30.0
"""By how much more than we lived through the clock must have gone on for us to have been away."""

MayAct = Callable[[Job, UnitOfWork], bool]
AssignmentOf = Callable[[RolloutId, HostId], Assignment]
T = TypeVar("T")


class LostHoldError(ConflictError):
    """Somebody else drives this host run now."""


@dataclass(frozen=True, slots=True)
class Driver:
    """Drives host runs."""

    actor: str
    assignment_of: AssignmentOf
    may_act: MayAct
    writer: Writer
    transport: Transport
    tools: Tools
    ahead: Callable[[], float] = float
    """Seconds by which the clock is ahead of one that runs only while this machine does."""

    async def perform(self, job: Job) -> None:
        """Drive one host run until it waits for nothing, or is another's."""
        with contextlib.suppress(LostHoldError):
            await self._perform_while_ours(job)

    async def _perform_while_ours(self, job: Job) -> None:
        asked_since, ahead = self.tools.clock.now(), self.ahead()
        run = await self._store(lambda work: work.rollouts.run(job.host_run))
        while run is not None and work_of(run) is not None:
            assignment = self.assignment_of(job.rollout, run.host)
            try:
                async with self._session(run, assignment.host) as session:
                    run = await self._drive(job, run, assignment, session)
            except (LostHoldError, StorageError):
                raise
            except OakumError as error:
                # An id that the host knows, an answer without sense: one host's, not the rollout's.
                if self.ahead() - ahead > JUMP_SECONDS:
                    # This machine was suspended, or its clock put right: so long nobody asked.
                    asked_since, ahead = self.tools.clock.now(), self.ahead()
                seen = not_asked(error, assignment, asked_since)
                after = await self._store_silence(job, assignment, seen)
                if after is None:
                    asked_since = self.tools.clock.now()
                run = after or run
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _store_silence(
        self, job: Job, assignment: Assignment, seen: Unreachable | NotAsked
    ) -> HostRun | None:
        """Store that a host did not answer, or was not asked; None while the database is away.

        It is asked anew then: until the database is back nobody asks, and it is not silent.
        """
        try:
            return await self.writer.do(partial(self._observe, job, assignment, seen))
        except StorageAwayError:
            await asyncio.sleep(AWAY_SECONDS)
            return None

    async def _drive(
        self, job: Job, run: HostRun, assignment: Assignment, session: Session | None
    ) -> HostRun:
        stored_at = self.tools.clock.now()
        while (work := work_of(run)) is not None and (session or not needs_host(run)):
            seen = await self._do_in_time(work, run, assignment, session)
            now = self.tools.clock.now()
            if advance(run, seen, now) == run and now - stored_at < SIGN_OF_LIFE:
                await asyncio.sleep(POLL_SECONDS)
                continue
            before, stored_at = run, now
            run = await self._store(partial(self._observe, job, assignment, seen))
            if run.state is before.state:
                await asyncio.sleep(POLL_SECONDS)
        return run

    @contextlib.asynccontextmanager
    async def _session(self, run: HostRun, host: Host) -> AsyncIterator[Session | None]:
        """Connect to the host; not for what is done from here, which may be because it is down."""
        if not needs_host(run):
            yield None
            return
        async with self.transport.connect(host) as session:
            yield session

    async def _do_in_time(
        self, work: Work, run: HostRun, assignment: Assignment, session: Session | None
    ) -> Observation:
        deadline = deadline_of(work, assignment, self.tools)
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                return await do(work, run, assignment, session, self.tools)
        except TimeoutError as error:
            minutes = round(deadline.total_seconds() / 60)
            raise TimedOutError(
                f"{work.value}: no end after {counted(minutes, 'minute')}"
            ) from error

    async def _store(self, act: Callable[[UnitOfWork], T]) -> T:
        """Do something with the database; while its server is away, wait for it.

        Where the answer to a commit was lost, the act is done again, and has to find what it has
        stored already.
        """
        while True:
            try:
                return await self.writer.do(act)
            except StorageAwayError:
                await asyncio.sleep(AWAY_SECONDS)

    def _observe(
        self, job: Job, assignment: Assignment, seen: Observation, work: UnitOfWork
    ) -> HostRun:
        """Store what an observation makes of its run, unless the run is another's by now."""
        now = self.tools.clock.now()
        run = work.rollouts.hold_run(job.host_run) if self.may_act(job, work) else None
        if run is None:
            raise LostHoldError(f"{job.host_run} is driven by somebody else")
        after = advance(run, seen, now)
        if after != run:
            work.rollouts.save_run(job.rollout, after)
            changes = change_of_run(job.rollout, assignment.plan_id, run, after)
            if isinstance(seen, Verified):
                changes.append(_verification(job.rollout, after, seen))
            record(changes, work, at=now, actor=self.actor)
        return after


def _verification(rollout: RolloutId, run: HostRun, seen: Verified) -> Change:
    return Change(
        Action.HOST_VERIFIED,
        run.host,
        {
            "rollout": rollout,
            "transaction": run.transaction,
            "good": seen.is_good,
            "detail": seen.detail,
            "checks": [
                {"check": r.check, "verdict": r.verdict.value, "detail": r.detail}
                for r in seen.results
            ],
        },
    )
