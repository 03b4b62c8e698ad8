"""Workers on many machines: Procrastinate carries the jobs, our own rows say who holds them.

Procrastinate hands a job to one worker and never takes it from a dead one, so it is trusted with
no more than to wake somebody up. A delivery is taken, held and given back in `DeliveryStore`,
where a dead worker's jobs are seen and given out anew. See docs/decisions/0001-engine.md.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Never

import procrastinate
import psycopg
import psycopg_pool
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from procrastinate.types import JSONDict

from oakum.core.errors import StorageAwayError
from oakum.core.ids import HostRunId, RolloutId
from oakum.core.text import one_line
from oakum.ports.clock import Clock
from oakum.ports.deliveries import Job, Limits, WorkerSeen
from oakum.ports.engine import Perform
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory, Writer

TASK = "oakum.drive"
QUEUE = "oakum"
CONNECTIONS = 3
AWAY = (ConnectorException, StorageAwayError, psycopg.OperationalError, psycopg_pool.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Timing:
    """How soon what is noticed."""

    beat: timedelta = timedelta(seconds=10)
    alive: timedelta = timedelta(seconds=60)
    """A worker that was not seen for so long is dead."""
    moving: timedelta = timedelta(hours=2)
    """A job that has stored nothing for so long is stuck, though its worker lives."""
    waiting: timedelta = timedelta(minutes=5)
    """A job that nobody took for so long may have been lost; giving it out twice does no harm."""
    poll: timedelta = timedelta(seconds=5)
    """How often workers look for jobs that no notification told them of."""
    reconnect: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class WorkerRole:
    """What a worker is there for."""

    id: str
    groups: tuple[str, ...]
    at_once: int
    version: str


@dataclass(eq=False, slots=True)
class _AtWork:
    """A job and the task that does it."""

    job: Job
    task: asyncio.Task[Any]
    is_held: bool = False
    """Whether the database said so, and has not been told otherwise by us."""


def queue_of(group: str) -> str:
    """Return the queue of a worker group."""
    return f"{QUEUE}:{group}" if group else QUEUE


def to_arguments(job: Job) -> JSONDict:
    """Return a job as a row of the queue holds it."""
    return {
        "rollout": job.rollout,
        "host_run": job.host_run,
        "epoch": job.epoch,
        "group": job.group,
        "attempt": job.attempt,
    }


def from_arguments(arguments: Mapping[str, object]) -> Job:
    """Return the job of a row, also of one that an older or a newer Oakum has written.

    What is not known is left alone, what is missing is as a Job has it. Raises KeyError or
    ValueError for a row that is no job.
    """
    return Job(
        RolloutId(str(arguments["rollout"])),
        HostRunId(str(arguments["host_run"])),
        int(str(arguments.get("epoch", 0))),
        str(arguments.get("group", "")),
        int(str(arguments.get("attempt", 0))),
    )


class ProcrastinateEngine:
    """Gives jobs out through PostgreSQL, and, where it has a role, works on them."""

    def __init__(
        self,
        url: str,
        begin: UnitOfWorkFactory,
        writer: Writer,
        clock: Clock,
        *,
        role: WorkerRole | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._url = url
        self._begin = begin
        self._writer = writer
        self._clock = clock
        self._role = role
        self._timing = timing or Timing()
        self._sender = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url))
        self._at_work: set[_AtWork] = set()
        self._perform: Perform | None = None
        self._last_look: datetime | None = None
        self._trust_from: datetime | None = None

    # the controller's side

    def submit(self, jobs: Sequence[Job], work: UnitOfWork) -> None:
        """Write jobs into the queue, in the transaction of the unit of work."""
        offered = work.deliveries.offer(jobs, self._clock.now())
        for group in sorted({job.group for job in offered}):
            rows = [to_arguments(job) for job in offered if job.group == group]
            task = self._sender.configure_task(
                TASK, queue=queue_of(group), connection=work.driver_connection()
            )
            try:
                task.batch_defer(*rows)
            except ConnectorException as error:
                raise StorageAwayError(
                    f"the job queue does not answer: {one_line(str(error.__cause__ or error))}"
                ) from error

    def cancel(self, host_run: HostRunId) -> None:
        """Take the job from whoever has it; a worker at work on it sees that at its next beat."""
        with self._begin() as work:
            work.deliveries.withdraw(host_run, self._clock.now())
            work.commit()

    def janitor(self, rollout: RolloutId) -> Mapping[HostRunId, str]:
        """Take back what dead workers hold and what is stuck; name what ended by a defect."""
        now = self._clock.now()
        with self._begin() as work:
            if self._may_judge(now):
                work.deliveries.take_back(self._limits(now), now)
            broken = work.deliveries.broken(rollout)
            work.commit()
        return broken

    def lacking(self) -> tuple[str, ...]:
        """Return the groups that jobs wait for and that no live worker is of."""
        alive_since = self._clock.now() - self._timing.alive
        with self._begin() as work:
            waiting = work.deliveries.waiting()
            if not waiting:
                return ()
            there = {g for worker in work.deliveries.workers(alive_since) for g in worker.groups}
        return tuple(sorted(set(waiting) - there))

    def _may_judge(self, now: datetime) -> bool:
        """Tell whether silence is the workers' own.

        After a time in which this controller did not look either (its database or its machine was
        away), nobody can have been seen: everyone gets the time to come back.
        """
        last, self._last_look = self._last_look, now
        if last is not None and now - last > self._timing.alive / 2:
            self._trust_from = now + self._timing.alive
        return self._trust_from is None or now >= self._trust_from

    def _limits(self, now: datetime) -> Limits:
        timing = self._timing
        return Limits(now - timing.alive, now - timing.moving, now - timing.waiting)

    # the worker's side

    def holds(self, job: Job, work: UnitOfWork) -> bool:
        """Tell whether this worker still has the delivery."""
        return work.deliveries.holds(job, self._require_role().id, self._clock.now())

    async def run_worker(self, perform: Perform) -> Never:
        """Work on jobs until cancelled, through every time in which the database is away."""
        role, self._perform = self._require_role(), perform
        logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # its errors are handled here
        beats = asyncio.create_task(self._beat_on())
        try:
            while True:
                with contextlib.suppress(*AWAY):
                    await self._work(role)
                await asyncio.sleep(self._timing.reconnect.total_seconds())
        finally:
            beats.cancel()
            await asyncio.gather(beats, return_exceptions=True)
            with contextlib.suppress(StorageAwayError), self._begin() as work:
                work.deliveries.leave(role.id, self._clock.now())
                work.commit()

    async def _work(self, role: WorkerRole) -> None:
        async with self._opened() as app:
            app.task(name=TASK)(self._carry_out)
            sweeper = asyncio.create_task(self._sweep(app))
            try:
                await app.run_worker_async(
                    queues=[queue_of(group) for group in role.groups],
                    name=role.id,
                    concurrency=role.at_once,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=0,
                    delete_jobs="always",
                    fetch_job_polling_interval=self._timing.poll.total_seconds(),
                    update_heartbeat_interval=self._timing.beat.total_seconds(),
                    stalled_worker_timeout=self._timing.alive.total_seconds(),
                )
            finally:
                sweeper.cancel()
                await asyncio.gather(sweeper, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[procrastinate.App]:
        connector = procrastinate.PsycopgConnector(
            conninfo=self._url, min_size=1, max_size=CONNECTIONS, timeout=10
        )
        app = procrastinate.App(connector=connector)
        try:
            await app.open_async()
            yield app
        finally:
            await app.close_async()

    async def _carry_out(self, **arguments: object) -> None:
        """Take a delivery, do its job, and end it; one that is not ours to take is let go."""
        given, task = from_arguments(arguments), asyncio.current_task()
        if self._perform is None or task is None:
            return
        # Known before it is taken: a beat in between must not give it back.
        entry = _AtWork(given, task)
        self._at_work.add(entry)
        try:
            job = await self._take(given)
            if job is not None:
                entry.job, entry.is_held = job, True
                defect = await self._do(self._perform, job)
                entry.is_held = False
                await self._end(job, defect)
        finally:
            self._at_work.discard(entry)

    async def _take(self, given: Job) -> Job | None:
        """Take it, whenever the database is there for that: the queue has let go of it."""
        worker = self._require_role().id
        try:
            while True:
                with contextlib.suppress(StorageAwayError):
                    return await self._writer.do(
                        lambda work: work.deliveries.take(given, worker, self._clock.now())
                    )
                await asyncio.sleep(self._timing.reconnect.total_seconds())
        except asyncio.CancelledError:
            with contextlib.suppress(StorageAwayError), self._begin() as work:
                work.deliveries.lost(given, self._clock.now())
                work.commit()
            raise

    async def _do(self, perform: Perform, job: Job) -> str:
        """Return what kind of defect ended the job, if one did."""
        try:
            await perform(job)
        except Exception as error:  # noqa: BLE001 (a defect in one host's job must not end the others')
            return f"{type(error).__name__}: {one_line(str(error))}"
        return ""

    async def _end(self, job: Job, defect: str) -> None:
        worker = self._require_role().id
        # Where this is lost, the next beat gives it back, or our leaving does.
        with contextlib.suppress(StorageAwayError):
            await self._writer.do(
                lambda work: work.deliveries.end(job, worker, self._clock.now(), defect)
            )

    async def _beat_on(self) -> Never:
        started_at = self._clock.now()
        role = self._require_role()
        seen = WorkerSeen(role.id, role.groups, role.version, started_at, started_at)
        while True:
            with contextlib.suppress(StorageAwayError):
                self._beat(replace(seen, seen_at=self._clock.now()))
            await asyncio.sleep(self._timing.beat.total_seconds())

    def _beat(self, seen: WorkerSeen) -> None:
        """Say that we live, and stop what is no longer ours."""
        at_work = tuple(self._at_work)
        with self._begin() as work:
            held = work.deliveries.beat(seen, [entry.job for entry in at_work])
            work.commit()
        for entry in at_work:
            if entry.is_held and (entry.job.host_run, entry.job.attempt) not in held:
                entry.task.cancel()

    async def _sweep(self, app: procrastinate.App) -> Never:
        """Remove the queue's rows that dead workers left; what they had not yet taken is freed."""
        alive = self._timing.alive.total_seconds()
        while True:
            with contextlib.suppress(*AWAY):
                for row in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=alive):
                    with contextlib.suppress(KeyError, ValueError), self._begin() as work:
                        work.deliveries.lost(from_arguments(row.task_kwargs), self._clock.now())
                        work.commit()
                    await app.job_manager.finish_job(row, status=Status.FAILED, delete_job=True)
            await asyncio.sleep(alive / 2)

    def _require_role(self) -> WorkerRole:
        if self._role is None:
            message = "an engine without a role gives jobs out, and does none"
            raise RuntimeError(message)
        return self._role
