"""Rollouts, their host runs, and who may act on them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection, Select, bindparam, func, insert, or_, select, update

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.lookup import not_found, resolve
from oakum.adapters.persistence.parts import WRITTEN, in_parts
from oakum.adapters.persistence.revisions import horizon, is_counted
from oakum.adapters.persistence.tables import host_runs, rollouts
from oakum.core.errors import StorageContendedError
from oakum.core.ids import HostId, HostRunId, PlanId, RolloutId
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase
from oakum.ports.stores import RolloutOutline, SeenRollout


class SqlRolloutStore:
    """Keeps rollouts; a host run is written only when it changed, and with others in one go."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pending: dict[RolloutId, dict[HostRunId, HostRun]] = {}

    def save(self, rollout: Rollout, before: Rollout | None = None) -> None:
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
            pairs = zip(before.runs, rollout.runs, strict=True)
            changed = [(old, new) for old, new in pairs if new is not old and new != old]
            self._hold([old for old, _ in changed])
            self._update([new for _, new in changed], revision)

    def save_run(self, rollout: RolloutId, run: HostRun) -> None:
        """Write one host run of a rollout that is there."""
        self._pending.setdefault(rollout, {})[run.id] = run

    def flush(self) -> None:
        """Write the host runs that were saved one by one, all at once."""
        pending, self._pending = self._pending, {}
        for rollout, runs in pending.items():
            revision = 0
            if is_counted(self._connection):
                counted = self._next_revision(rollout)
                if counted is None:
                    raise not_found(rollout, (), "rollout")
                revision = counted
            self._update(list(runs.values()), revision)

    def get(self, id_or_prefix: str) -> Rollout:
        """Return the rollout whose id begins so; `latest` is the newest."""
        self.flush()
        query = select(rollouts.c.id).order_by(rollouts.c.started_at)
        ids = [row.id for row in self._connection.execute(query)]
        return self._read(resolve(id_or_prefix, ids, "rollout"))

    def look(self, rollout: RolloutId, seen: SeenRollout | None = None) -> SeenRollout:
        """Return a rollout as it stands; of what was seen already, only changes are read."""
        self.flush()
        query = select(rollouts.c.revision).where(rollouts.c.id == rollout)
        revision = int(self._connection.execute(query).scalar_one())
        if seen is not None and is_counted(self._connection) and revision == seen.revision:
            return seen
        following = horizon(self._connection, revision)
        if seen is None:
            return SeenRollout(self._read(rollout), revision, following)
        runs = seen.rollout.runs
        changed = select(host_runs.c.position, host_runs.c.document).where(
            host_runs.c.rollout == rollout, host_runs.c.revision >= seen.horizon
        )
        others = {
            position: run
            for position, document in self._connection.execute(changed)
            if (run := from_document(document, HostRun, f"a host run of {rollout}"))
            != runs[position]
        }
        if others:
            runs = tuple(others.get(position, run) for position, run in enumerate(runs))
        elif revision == seen.revision:
            return replace(seen, horizon=following)
        head = seen.rollout if revision == seen.revision else self._head(rollout)
        return SeenRollout(replace(head, runs=runs), revision, following)

    def run(self, host_run: HostRunId) -> HostRun | None:
        """Return one host run."""
        self.flush()
        return self._run(_RUN, host_run)

    def hold_run(self, host_run: HostRunId) -> HostRun | None:
        """Return one host run, and lock its row; on SQLite there is no other writer anyway."""
        for runs in self._pending.values():
            if host_run in runs:
                return runs[host_run]
        return self._run(_HELD_RUN, host_run)

    def outlines(self) -> tuple[RolloutOutline, ...]:
        """Return how every rollout stands, oldest first; host runs are counted, and not read."""
        self.flush()
        return tuple(
            _outline(from_document(document, Rollout, name), hosts)
            for name, document, hosts in self._connection.execute(_OUTLINES)
        )

    def newest(self, count: int) -> Iterator[Rollout]:
        """Give the newest rollouts, newest first; each is read when its turn comes."""
        self.flush()
        query = select(rollouts.c.id).order_by(*_NEWEST_FIRST).limit(count)
        for row in self._connection.execute(query).all():
            yield self._read(row.id)

    def of_plan(self, plan: PlanId) -> tuple[Rollout, ...]:
        """Return the rollouts of a plan, oldest first."""
        self.flush()
        query = select(rollouts.c.id).where(rollouts.c.plan == plan)
        found = self._connection.execute(query.order_by(rollouts.c.started_at)).all()
        return tuple(self._read(row.id) for row in found)

    def count_of(self, plan: PlanId) -> int:
        """Return how many rollouts of a plan there are."""
        query = select(func.count()).select_from(rollouts).where(rollouts.c.plan == plan)
        return int(self._connection.execute(query).scalar_one())

    def runs_of(self, host: HostId) -> Iterator[tuple[RolloutId, HostRun]]:
        """Give a host's runs with their rollouts, newest first."""
        self.flush()
        query = (
            select(rollouts.c.id, host_runs.c.document)
            .join(host_runs, host_runs.c.rollout == rollouts.c.id)
            .where(host_runs.c.host == host)
            .order_by(*_NEWEST_FIRST)
        )
        for row in self._connection.execute(query).all():
            run = from_document(row.document, HostRun, f"a host run of {row.id}")
            yield RolloutId(row.id), run

    def unfinished(self) -> tuple[Rollout, ...]:
        """Return the rollouts that have not ended, oldest first."""
        self.flush()
        ended = [phase.value for phase in Phase if phase.is_final]
        query = select(rollouts.c.id).where(rollouts.c.phase.not_in(ended))
        found = self._connection.execute(query.order_by(rollouts.c.started_at)).all()
        return tuple(self._read(row.id) for row in found)

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
                self._update([run], revision)
        if new:
            self._connection.execute(insert(host_runs), new)

    def _hold(self, runs: Sequence[HostRun]) -> None:
        """Lock the rows of runs, and require that they are what they were when they were read."""
        for part in in_parts(sorted(runs, key=attrgetter("id"))):
            ids = [run.id for run in part]
            rows = self._connection.execute(_HELD_RUNS, {"ids": ids})
            stored = {row.id: row.document for row in rows}
            for run in part:
                if from_document(stored[run.id], HostRun, run.id) != run:
                    raise StorageContendedError(
                        f"{run.id} was changed by who drives it, in the middle of a decision",
                        hint="try again",
                    )

    def _update(self, runs: Sequence[HostRun], revision: int) -> None:
        for part in in_parts(runs, WRITTEN):
            rows = [{"run": run.id, **_columns(run, to_document(run), revision)} for run in part]
            self._connection.execute(_UPDATE, rows)

    def _run(self, query: Select[bytes], host_run: HostRunId) -> HostRun | None:
        document = self._connection.execute(query, {"run": host_run}).scalar()
        return None if document is None else from_document(document, HostRun, host_run)


_HOSTS = select(func.count()).where(host_runs.c.rollout == rollouts.c.id).scalar_subquery()
_OUTLINES = select(rollouts.c.id, rollouts.c.document, _HOSTS).order_by(rollouts.c.started_at)
_NEWEST_FIRST = (rollouts.c.started_at.desc(), rollouts.c.id.desc())
# Made once: to make a statement takes longer than to carry it out.
_RUN = select(host_runs.c.document).where(host_runs.c.id == bindparam("run"))
_HELD_RUN = _RUN.with_for_update(key_share=True)
_HELD_RUNS = (
    select(host_runs.c.id, host_runs.c.document)
    .where(host_runs.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(host_runs.c.id)
    .with_for_update(key_share=True)
)
_UPDATE = (
    update(host_runs)
    .where(host_runs.c.id == bindparam("run"))
    .values(
        {
            name: bindparam(name)
            for name in ("host", "ring", "state", "reason", "document", "revision")
        }
    )
)


def _outline(head: Rollout, hosts: int) -> RolloutOutline:
    return RolloutOutline(head.id, head.plan, head.phase, head.reason, head.started_at, hosts)


def _columns(run: HostRun, document: bytes, revision: int) -> dict[str, object]:
    return {
        "host": run.host,
        "ring": run.ring,
        "state": run.state.value,
        "reason": run.reason,
        "document": document,
        "revision": revision,
    }
