"""Which host runs are handed out to workers, and which workers are there to take them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from oakum.adapters.persistence.parts import in_parts
from oakum.adapters.persistence.revisions import is_counted
from oakum.adapters.persistence.tables import deliveries, rollouts, workers
from oakum.core.ids import HostRunId, RolloutId
from oakum.core.rollout.state import Phase
from oakum.ports.deliveries import Held, Job, Limits, WorkerSeen

BETWEEN_GROUPS = " "
"""Labels hold no blanks, so groups do not either."""


class State(Enum):
    """Where a host run is with the workers."""

    WAITING = "waiting"
    AT_WORK = "at work"
    OVER = "over"


class SqlDeliveryStore:
    """Keeps one row a host run, and counts its attempts for ever."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ended: dict[HostRunId, dict[str, object]] = {}

    def offer(self, jobs: Sequence[Job], now: datetime) -> tuple[Job, ...]:
        """Let jobs wait unless they wait already or are at work; return the new ones."""
        self.flush()
        held = self._not_over({job.rollout for job in jobs})
        free = [job for job in jobs if job.host_run not in held]
        known = self._attempts(free)
        offered = tuple(replace(job, attempt=known.get(job.host_run, 0) + 1) for job in free)
        rows = [
            {
                "host_run": job.host_run,
                "rollout": job.rollout,
                "worker_group": job.group,
                "epoch": job.epoch,
                "attempt": job.attempt,
                "state": State.WAITING.value,
                "worker": "",
                "since": now,
                "defect": "",
            }
            for job in offered
        ]
        for part in in_parts(known):
            self._connection.execute(delete(deliveries).where(deliveries.c.host_run.in_(part)))
        if rows:
            self._connection.execute(insert(deliveries), rows)
        return offered

    def take(self, job: Job, worker: str, now: datetime) -> Job | None:
        """Have a worker hold a job that waits; None when it does not, or not as this one."""
        self._flush_if_ended(job)
        values = {"run": job.host_run, "nth": job.attempt, "by": worker, "now": now}
        taken = self._connection.execute(_TAKE if job.attempt else _TAKE_ANY, values).scalar()
        return None if taken is None else replace(job, attempt=taken)

    def holds(self, job: Job, worker: str, now: datetime) -> bool:
        """Tell whether the worker still holds the job, and note that it gets on with it."""
        self._flush_if_ended(job)
        values = {"run": job.host_run, "nth": job.attempt, "by": worker, "now": now}
        return self._connection.execute(_HOLD, values).rowcount == 1

    def end(self, job: Job, worker: str, now: datetime, defect: str = "") -> None:
        """End a job that the worker holds."""
        values = {"run": job.host_run, "nth": job.attempt, "by": worker, "now": now}
        self._flush_if_ended(job)
        self._ended[job.host_run] = {**values, "why": defect}

    def flush(self) -> None:
        """Write the ends of jobs, all at once."""
        ended, self._ended = self._ended, {}
        if ended:
            self._connection.execute(_END, list(ended.values()))

    def _flush_if_ended(self, job: Job) -> None:
        if job.host_run in self._ended:
            self.flush()

    def withdraw(self, host_run: HostRunId, now: datetime) -> None:
        """End it whoever holds it."""
        self.flush()
        self._end(deliveries.c.host_run == host_run, now)

    def lost(self, job: Job, now: datetime) -> None:
        """End a delivery that was fetched by a worker that died before it took it."""
        self.flush()
        self._end(and_(*_waits(job)), now)

    def take_back(self, limits: Limits, now: datetime) -> tuple[HostRunId, ...]:
        """End what dead workers hold, what does not get on, and what was lost; return them."""
        self.flush()
        alive = select(workers.c.id).where(workers.c.seen_at >= limits.alive_since)
        stuck = and_(
            _in(State.AT_WORK),
            or_(
                deliveries.c.worker.not_in(alive),
                deliveries.c.since < limits.moving_since,
            ),
        )
        lost = and_(_in(State.WAITING), deliveries.c.since < limits.waiting_since)
        ended = self._connection.execute(
            update(deliveries)
            .where(or_(stuck, lost))
            .values(state=State.OVER.value, worker="", since=now)
            .returning(deliveries.c.host_run)
        )
        self._connection.execute(delete(workers).where(workers.c.seen_at < limits.alive_since))
        return tuple(sorted(HostRunId(row.host_run) for row in ended))

    def broken(self, rollout: RolloutId) -> Mapping[HostRunId, str]:
        """Return, once, the rollout's runs whose last delivery ended by a defect, and which."""
        self.flush()
        which = and_(deliveries.c.rollout == rollout, _in(State.OVER), deliveries.c.defect != "")
        query = select(deliveries.c.host_run, deliveries.c.defect).where(which)
        named = self._connection.execute(query.order_by(deliveries.c.host_run)).all()
        if named:
            self._connection.execute(update(deliveries).where(which).values(defect=""))
        return {HostRunId(row.host_run): row.defect for row in named}

    def beat(self, worker: WorkerSeen, at_work: Collection[Job]) -> frozenset[Held]:
        """Note that a worker is alive, and return what it holds."""
        self.flush()
        seen = self._connection.execute(
            update(workers).where(workers.c.id == worker.id).values(seen_at=worker.seen_at)
        )
        if seen.rowcount == 0:
            self._connection.execute(
                insert(workers).values(
                    id=worker.id,
                    groups=BETWEEN_GROUPS.join(worker.groups),
                    version=worker.version,
                    started_at=worker.started_at,
                    seen_at=worker.seen_at,
                )
            )
        query = select(deliveries.c.host_run, deliveries.c.attempt).where(
            deliveries.c.worker == worker.id, _in(State.AT_WORK)
        )
        held = {(HostRunId(row.host_run), row.attempt) for row in self._connection.execute(query)}
        known = {(job.host_run, job.attempt) for job in at_work}
        for host_run, attempt in held - known:
            if (host_run, 0) not in known:
                mine = and_(deliveries.c.host_run == host_run, deliveries.c.worker == worker.id)
                self._end(and_(mine, deliveries.c.attempt == attempt), worker.seen_at)
        if not is_counted(self._connection):
            self._connection.execute(_COUNT)
        return frozenset(held)

    def leave(self, worker: str, now: datetime) -> None:
        """Forget a worker that ends, and end what it holds."""
        self.flush()
        self._end(and_(deliveries.c.worker == worker, _in(State.AT_WORK)), now)
        self._connection.execute(delete(workers).where(workers.c.id == worker))

    def workers(self, alive_since: datetime) -> tuple[WorkerSeen, ...]:
        """Return the workers that were seen since, by id."""
        query = select(workers).where(workers.c.seen_at >= alive_since).order_by(workers.c.id)
        return tuple(
            WorkerSeen(
                row.id,
                tuple(row.groups.split(BETWEEN_GROUPS)),
                row.version,
                row.started_at,
                row.seen_at,
            )
            for row in self._connection.execute(query)
        )

    def waiting(self) -> dict[str, int]:
        """Return how many jobs wait in each group."""
        self.flush()
        query = (
            select(deliveries.c.worker_group, func.count().label("jobs"))
            .where(_in(State.WAITING))
            .group_by(deliveries.c.worker_group)
        )
        return {row.worker_group: row.jobs for row in self._connection.execute(query)}

    def _not_over(self, of: Collection[RolloutId]) -> set[str]:
        live = select(deliveries.c.host_run).where(
            deliveries.c.rollout.in_(of),
            deliveries.c.state.in_((State.WAITING.value, State.AT_WORK.value)),
        )
        return set(self._connection.execute(live).scalars())

    def _attempts(self, jobs: Sequence[Job]) -> dict[str, int]:
        """Return the number of the last attempt of those that there were."""
        return {
            row.host_run: row.attempt
            for part in in_parts(job.host_run for job in jobs)
            for row in self._connection.execute(_ATTEMPTS, {"runs": part})
        }

    def _end(self, which: ColumnElement[bool], now: datetime, defect: str = "") -> None:
        self._connection.execute(
            update(deliveries)
            .where(which)
            .values(state=State.OVER.value, worker="", since=now, defect=defect)
        )


def _in(state: State) -> ColumnElement[bool]:
    return deliveries.c.state == state.value


def _waits(job: Job) -> tuple[ColumnElement[bool], ...]:
    same = () if job.attempt == 0 else (deliveries.c.attempt == job.attempt,)
    return (deliveries.c.host_run == job.host_run, _in(State.WAITING), *same)


# Made once: to make a statement takes longer than to carry it out.
_RUN = deliveries.c.host_run == bindparam("run")
_ATTEMPT = deliveries.c.attempt == bindparam("nth")
_HELD = and_(_RUN, _ATTEMPT, deliveries.c.worker == bindparam("by"), _in(State.AT_WORK))
_TAKE_ANY = (
    update(deliveries)
    .where(_RUN, _in(State.WAITING))
    .values(state=State.AT_WORK.value, worker=bindparam("by"), since=bindparam("now"))
    .returning(deliveries.c.attempt)
)
_COUNT = (
    update(rollouts)
    .where(rollouts.c.phase.not_in([phase.value for phase in Phase if phase.is_final]))
    .values(revision=rollouts.c.revision + 1)
)
"""Controllers of layout 0008 look for changes of runs only where a rollout has another number; what
drives hosts no longer gives it one, so they learn of it at the next beat."""
_ATTEMPTS = select(deliveries.c.host_run, deliveries.c.attempt).where(
    deliveries.c.host_run.in_(bindparam("runs", expanding=True))
)
_TAKE = _TAKE_ANY.where(_ATTEMPT)
_HOLD = update(deliveries).where(_HELD).values(since=bindparam("now"))
_END = (
    update(deliveries)
    .where(_HELD)
    .values(state=State.OVER.value, worker="", since=bindparam("now"), defect=bindparam("why"))
)
