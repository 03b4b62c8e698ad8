"""One transaction over all stores."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from oakum.adapters.persistence.audit_head import HeadFile
from oakum.adapters.persistence.database import TURN, Turn, explained, sqlite_path
from oakum.adapters.persistence.stores.advisories import SqlAdvisoryStore
from oakum.adapters.persistence.stores.audit import SqlAuditLog
from oakum.adapters.persistence.stores.deliveries import SqlDeliveryStore
from oakum.adapters.persistence.stores.exceptions import SqlExceptionStore
from oakum.adapters.persistence.stores.facts import SqlFactsStore
from oakum.adapters.persistence.stores.fleet import SqlFleetStore
from oakum.adapters.persistence.stores.hosts import SqlHostStore
from oakum.adapters.persistence.stores.plans import SqlPlanStore
from oakum.adapters.persistence.stores.rollouts import SqlRolloutStore
from oakum.adapters.persistence.stores.snapshots import SqlSnapshotRecords
from oakum.ports.deliveries import DeliveryStore
from oakum.ports.stores import (
    AdvisoryStore,
    AuditLog,
    ExceptionStore,
    FactsStore,
    FleetStore,
    HostStore,
    PlanStore,
    RolloutStore,
    SnapshotRecords,
)


class SqlUnitOfWork:
    """Everything that is written becomes true with commit(), or not at all."""

    hosts: HostStore
    facts: FactsStore
    advisories: AdvisoryStore
    fleet: FleetStore
    exceptions: ExceptionStore
    snapshots: SnapshotRecords
    plans: PlanStore
    rollouts: RolloutStore
    deliveries: DeliveryStore
    audit: AuditLog

    def __init__(self, engine: Engine, home: Path, turn: Turn = Turn.DECIDING) -> None:
        self._engine = engine
        self._turn = turn
        self._path = sqlite_path(engine.url)
        self._head_file = HeadFile.of(home)
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        try:
            connection = self._engine.connect().execution_options(**self._options())
            connection.begin()
        except DBAPIError as error:
            raise explained(error, self._path) from error
        self._connection = connection
        self.hosts = SqlHostStore(connection)
        self.facts = SqlFactsStore(connection)
        self.advisories = SqlAdvisoryStore(connection)
        self.fleet = SqlFleetStore(connection)
        self.exceptions = SqlExceptionStore(connection)
        self.snapshots = SqlSnapshotRecords(connection)
        self.plans = SqlPlanStore(connection)
        self._rollouts = SqlRolloutStore(connection)
        self.rollouts = self._rollouts
        self._deliveries = SqlDeliveryStore(connection)
        self.deliveries = self._deliveries
        self._audit = SqlAuditLog(connection, self._head_file)
        self.audit = self._audit
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Of a connection that is lost there is nothing to roll back; the first error counts.
            with contextlib.suppress(DBAPIError):
                connection.rollback()
            connection.close()
        if isinstance(error, DBAPIError):
            raise explained(error, self._path) from error

    def commit(self) -> None:
        """Make it true, then note the head of the audit chain.

        The chain comes last: who appends to it keeps all others from doing so until it is
        committed, and waits for nothing else meanwhile.
        """
        if self._turn is Turn.READING:
            message = "a unit of work that reads has nothing to commit"
            raise RuntimeError(message)
        if self._connection is not None:
            self._rollouts.flush()
            self._deliveries.flush()
            self._audit.flush()
            self._connection.commit()
            self._audit.write_head()

    def driver_connection(self) -> object:
        """Return the database driver's own connection, for what writes in this transaction too."""
        if self._connection is None:
            message = "outside a unit of work"
            raise RuntimeError(message)
        return self._connection.connection.driver_connection

    def _options(self) -> dict[str, object]:
        if self._turn is not Turn.READING or self._path is not None:
            return {TURN: self._turn}
        return {
            TURN: self._turn,
            "isolation_level": "REPEATABLE READ",
            "postgresql_readonly": True,
        }
