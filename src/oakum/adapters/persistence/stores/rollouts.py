"""Rollouts, their host runs, and who may act on them."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.lookup import resolve
from oakum.adapters.persistence.tables import host_runs, rollouts
from oakum.core.ids import RolloutId
from oakum.core.rollout.rollout import HostRun, Rollout


class SqlRolloutStore:
    """Keeps rollouts; a host run is written only when it changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, rollout: Rollout) -> None:
        """Write the new state of the rollout and of those host runs that changed."""
        values = {
            "plan": rollout.plan,
            "phase": rollout.phase.value,
            "started_at": rollout.started_at,
            "document": to_document(replace(rollout, runs=())),
        }
        changed = self._connection.execute(
            update(rollouts).where(rollouts.c.id == rollout.id).values(**values)
        )
        if changed.rowcount == 0:
            self._connection.execute(insert(rollouts).values(id=rollout.id, **values))
        self._save_runs(rollout)

    def get(self, id_or_prefix: str) -> Rollout:
        """Return the rollout whose id begins so; `latest` is the newest."""
        query = select(rollouts.c.id).order_by(rollouts.c.started_at)
        ids = [row.id for row in self._connection.execute(query)]
        return self._read(resolve(id_or_prefix, ids, "rollout"))

    def all(self) -> tuple[Rollout, ...]:
        """Return every rollout, oldest first."""
        query = select(rollouts.c.id).order_by(rollouts.c.started_at)
        return tuple(self._read(row.id) for row in self._connection.execute(query).all())

    def take_lease(
        self, rollout: RolloutId, holder: str, *, now: datetime, until: datetime
    ) -> int | None:
        """Become, or stay, the one controller that acts."""
        mine = self._connection.execute(
            update(rollouts)
            .where(rollouts.c.id == rollout, rollouts.c.lease_holder == holder)
            .values(lease_until=until)
        )
        if mine.rowcount == 0:
            free = or_(
                rollouts.c.lease_holder == "",
                rollouts.c.lease_until.is_(None),
                rollouts.c.lease_until < now,
            )
            taken = self._connection.execute(
                update(rollouts)
                .where(rollouts.c.id == rollout, free)
                .values(lease_holder=holder, lease_until=until, epoch=rollouts.c.epoch + 1)
            )
            if taken.rowcount == 0:
                return None
        query = select(rollouts.c.epoch).where(rollouts.c.id == rollout)
        return int(self._connection.execute(query).scalar_one())

    def release_lease(self, rollout: RolloutId, holder: str) -> None:
        """Let the next controller act at once."""
        self._connection.execute(
            update(rollouts)
            .where(rollouts.c.id == rollout, rollouts.c.lease_holder == holder)
            .values(lease_holder="", lease_until=None)
        )

    def _read(self, rollout: str) -> Rollout:
        query = select(rollouts.c.document).where(rollouts.c.id == rollout)
        document = self._connection.execute(query).scalar_one()
        runs = (
            select(host_runs.c.document)
            .where(host_runs.c.rollout == rollout)
            .order_by(host_runs.c.position)
        )
        return replace(
            from_document(document, Rollout, rollout),
            runs=tuple(
                from_document(run, HostRun, f"a host run of {rollout}")
                for (run,) in self._connection.execute(runs)
            ),
        )

    def _save_runs(self, rollout: Rollout) -> None:
        query = select(host_runs.c.id, host_runs.c.document).where(
            host_runs.c.rollout == rollout.id
        )
        known = {row.id: row.document for row in self._connection.execute(query)}
        for position, run in enumerate(rollout.runs):
            document = to_document(run)
            values = {
                "host": run.host,
                "ring": run.ring,
                "state": run.state.value,
                "reason": run.reason,
                "document": document,
            }
            if run.id not in known:
                self._connection.execute(
                    insert(host_runs).values(
                        id=run.id, rollout=rollout.id, position=position, **values
                    )
                )
            elif known[run.id] != document:
                self._connection.execute(
                    update(host_runs).where(host_runs.c.id == run.id).values(**values)
                )
