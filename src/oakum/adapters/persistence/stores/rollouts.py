"""Rollouts, their host runs, and who may act on them."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.lookup import not_found, resolve
from oakum.adapters.persistence.tables import host_runs, rollouts
from oakum.core.ids import HostRunId, RolloutId
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.ports.stores import SeenRollout


class SqlRolloutStore:
    """Keeps rollouts; a host run is written only when it changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, rollout: Rollout, before: Rollout | None = None) -> int:
        """Write the new state of the rollout and of those host runs that changed."""
        values = {
            "plan": rollout.plan,
            "phase": rollout.phase.value,
            "started_at": rollout.started_at,
            "document": to_document(replace(rollout, runs=())),
        }
        revision = self._next_revision(rollout.id, **values)
        if revision is None:
            revision = 1
            self._connection.execute(
                insert(rollouts).values(id=rollout.id, revision=revision, **values)
            )
        if before is None:
            self._save_all(rollout, revision)
        else:
            for old, new in zip(before.runs, rollout.runs, strict=True):
                if new is not old and new != old:
                    self._update(new, to_document(new), revision)
        return revision

    def save_run(self, rollout: RolloutId, run: HostRun) -> None:
        """Write one host run of a rollout that is there."""
        revision = self._next_revision(rollout)
        if revision is None:
            raise not_found(rollout, (), "rollout")
        self._update(run, to_document(run), revision)

    def get(self, id_or_prefix: str) -> Rollout:
        """Return the rollout whose id begins so; `latest` is the newest."""
        query = select(rollouts.c.id).order_by(rollouts.c.started_at)
        ids = [row.id for row in self._connection.execute(query)]
        return self._read(resolve(id_or_prefix, ids, "rollout"))

    def look(self, rollout: RolloutId, seen: SeenRollout | None = None) -> SeenRollout:
        """Return a rollout as it stands; of what was seen already, only changes are read."""
        query = select(rollouts.c.revision).where(rollouts.c.id == rollout)
        revision = int(self._connection.execute(query).scalar_one())
        if seen is None:
            return SeenRollout(self._read(rollout), revision)
        if revision == seen.revision:
            return seen
        runs = list(seen.rollout.runs)
        changed = select(host_runs.c.position, host_runs.c.document).where(
            host_runs.c.rollout == rollout, host_runs.c.revision > seen.revision
        )
        for position, document in self._connection.execute(changed):
            runs[position] = from_document(document, HostRun, f"a host run of {rollout}")
        return SeenRollout(replace(self._head(rollout), runs=tuple(runs)), revision)

    def run(self, host_run: HostRunId) -> HostRun | None:
        """Return one host run."""
        query = select(host_runs.c.document).where(host_runs.c.id == host_run)
        document = self._connection.execute(query).scalar()
        return None if document is None else from_document(document, HostRun, host_run)

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

    def _head(self, rollout: str) -> Rollout:
        query = select(rollouts.c.document).where(rollouts.c.id == rollout)
        return from_document(self._connection.execute(query).scalar_one(), Rollout, rollout)

    def _read(self, rollout: str) -> Rollout:
        runs = (
            select(host_runs.c.document)
            .where(host_runs.c.rollout == rollout)
            .order_by(host_runs.c.position)
        )
        return replace(
            self._head(rollout),
            runs=tuple(
                from_document(run, HostRun, f"a host run of {rollout}")
                for (run,) in self._connection.execute(runs)
            ),
        )

    def _next_revision(self, rollout: RolloutId, **values: object) -> int | None:
        following = self._connection.execute(
            update(rollouts)
            .where(rollouts.c.id == rollout)
            .values(revision=rollouts.c.revision + 1, **values)
            .returning(rollouts.c.revision)
        )
        return following.scalar()

    def _save_all(self, rollout: Rollout, revision: int) -> None:
        query = select(host_runs.c.id, host_runs.c.document).where(
            host_runs.c.rollout == rollout.id
        )
        known = {row.id: row.document for row in self._connection.execute(query)}
        new = []
        for position, run in enumerate(rollout.runs):
            document = to_document(run)
            if run.id not in known:
                columns = _columns(run, document, revision)
                new.append({"id": run.id, "rollout": rollout.id, "position": position, **columns})
            elif known[run.id] != document:
                self._update(run, document, revision)
        if new:
            self._connection.execute(insert(host_runs), new)

    def _update(self, run: HostRun, document: bytes, revision: int) -> None:
        self._connection.execute(
            update(host_runs)
            .where(host_runs.c.id == run.id)
            .values(**_columns(run, document, revision))
        )


def _columns(run: HostRun, document: bytes, revision: int) -> dict[str, object]:
    return {
        "host": run.host,
        "ring": run.ring,
        "state": run.state.value,
        "reason": run.reason,
        "document": document,
        "revision": revision,
    }
