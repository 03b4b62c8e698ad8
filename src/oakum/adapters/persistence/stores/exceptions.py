"""Decisions not to patch something for a while."""

from sqlalchemy import Connection, delete, insert, select

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.tables import exceptions
from oakum.core.errors import NotFoundError
from oakum.core.risk.exceptions import RiskException
from oakum.core.text import one_line


class SqlExceptionStore:
    """Keeps exceptions, also those that have run out."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, exception: RiskException) -> None:
        """Keep one."""
        row = {"id": exception.id, "document": to_document(exception)}
        self._connection.execute(insert(exceptions).values(**row))

    def get(self, name: str) -> RiskException:
        """Return one. Raises NotFoundError."""
        found = next((known for known in self.all() if known.id == name), None)
        if found is None:
            raise NotFoundError(
                f"there is no exception {one_line(name, 60)!r}",
                hint="`oakum exceptions list` shows them",
            )
        return found

    def all(self) -> tuple[RiskException, ...]:
        """Return them all, oldest first."""
        rows = self._connection.execute(select(exceptions.c.document))
        found = [from_document(document, RiskException, "an exception") for (document,) in rows]
        return tuple(sorted(found, key=lambda known: (known.created_at, known.id)))

    def remove(self, name: str) -> None:
        """Forget one; the audit log keeps that it was."""
        self._connection.execute(delete(exceptions).where(exceptions.c.id == name))
