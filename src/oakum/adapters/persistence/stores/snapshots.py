"""Which snapshots exist."""

from sqlalchemy import Connection, delete, insert, select

from oakum.adapters.persistence.documents import from_document, require_same, to_document
from oakum.adapters.persistence.lookup import resolve
from oakum.adapters.persistence.tables import snapshots
from oakum.core.ids import SnapshotId
from oakum.core.repositories.snapshot import Snapshot


class SqlSnapshotRecords:
    """Keeps the records; the bytes are in the pool."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; adding the same content again keeps the first record."""
        known = select(snapshots.c.id).where(snapshots.c.id == snapshot.id)
        if self._connection.execute(known).first() is None:
            self._connection.execute(
                insert(snapshots).values(
                    id=snapshot.id,
                    created_at=snapshot.created_at,
                    document=to_document(snapshot),
                )
            )

    def get(self, id_or_prefix: str) -> Snapshot:
        """Return the snapshot whose id begins so; `latest` is the newest."""
        ids = [
            row.id
            for row in self._connection.execute(
                select(snapshots.c.id).order_by(snapshots.c.created_at)
            )
        ]
        found = resolve(id_or_prefix, ids, "snapshot")
        query = select(snapshots.c.document).where(snapshots.c.id == found)
        return _snapshot(found, self._connection.execute(query).scalar_one())

    def all(self) -> tuple[Snapshot, ...]:
        """Return every snapshot, oldest first."""
        query = select(snapshots.c.id, snapshots.c.document).order_by(snapshots.c.created_at)
        return tuple(_snapshot(row.id, row.document) for row in self._connection.execute(query))

    def remove(self, snapshot: SnapshotId) -> None:
        """Forget a snapshot."""
        self._connection.execute(delete(snapshots).where(snapshots.c.id == snapshot))


def _snapshot(identity: str, document: bytes) -> Snapshot:
    """Return a snapshot that is what its id says. Raises StorageError for any other."""
    snapshot = from_document(document, Snapshot, f"snapshot {identity[:12]}")
    require_same(snapshot.id, identity)
    return snapshot
