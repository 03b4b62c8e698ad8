"""The fleet."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.lookup import not_found
from oakum.adapters.persistence.parts import in_parts
from oakum.adapters.persistence.tables import fleet_marks, hosts, removed_hosts
from oakum.core.errors import ConflictError, NotFoundError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host

LAST_NUMBER = "last host number"
_THESE = select(hosts.c.document).where(hosts.c.id.in_(bindparam("ids", expanding=True)))


class SqlHostStore:
    """Keeps hosts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, host: Host) -> None:
        """Raise ConflictError when the name or the address and port are taken."""
        with self._taken(host):
            numbered = insert(hosts).values(**row_of(host), number=self._next_number())
            self._connection.execute(numbered)

    def update(self, host: Host) -> None:
        """Write the host anew. Raises ConflictError like `add`, NotFoundError when it is gone."""
        written = update(hosts).where(hosts.c.id == host.id).values(**row_of(host))
        with self._taken(host):
            if self._connection.execute(written).rowcount == 0:
                raise NotFoundError(f"there is no host {host.name!r} any more")

    def _next_number(self) -> int:
        """Return a number that no host ever had: bitmaps may still hold those of removed ones."""
        number = last_number(self._connection) + 1
        mark = fleet_marks.c.name == LAST_NUMBER
        marked = update(fleet_marks).where(mark).values(value=number)
        if self._connection.execute(marked).rowcount == 0:
            self._connection.execute(insert(fleet_marks).values(name=LAST_NUMBER, value=number))
        return number

    @contextmanager
    def _taken(self, host: Host) -> Iterator[None]:
        try:
            # PostgreSQL gives up the whole transaction after an error, but for a savepoint.
            with self._connection.begin_nested():
                yield
        except IntegrityError as error:
            raise ConflictError(
                f"host {host.name!r}, or one at {host.address} port {host.port}, is there already",
                hint="`oakum hosts list` shows it; remove it first to add it anew",
            ) from error

    def remove(self, host: HostId) -> None:
        """Forget a host and its facts; the audit log keeps what was done to it."""
        number = select(hosts.c.number).where(hosts.c.id == host)
        gone = self._connection.execute(number).scalar()
        if gone is not None:
            self._connection.execute(insert(removed_hosts).values(number=gone))
            self._connection.execute(delete(hosts).where(hosts.c.id == host))

    def get(self, host: HostId) -> Host:
        """Return the host. Raises NotFoundError when it was removed."""
        found = self._document(hosts.c.id == host)
        if found is None:
            raise NotFoundError(f"the host {host} was removed")
        return found

    def these(self, wanted: Collection[HostId]) -> dict[HostId, Host]:
        """Return those of these hosts that are there."""
        found = (
            _host(document)
            for part in in_parts(wanted)
            for (document,) in self._connection.execute(_THESE, {"ids": part})
        )
        return {host.id: host for host in found}

    def named(self, name: str) -> Host:
        """Return the host of exactly this name; NotFoundError has the nearest in its hint."""
        found = self._document(hosts.c.name == name)
        if found is None:
            names = self._connection.execute(select(hosts.c.name).order_by(hosts.c.name))
            raise not_found(name, names.scalars(), "host")
        return found

    def _document(self, which: ColumnElement[bool]) -> Host | None:
        row = self._connection.execute(select(hosts.c.document).where(which)).first()
        return None if row is None else _host(row.document)

    def all(self) -> tuple[Host, ...]:
        """Return every host, by name."""
        rows = self._connection.execute(select(hosts.c.document).order_by(hosts.c.name))
        return tuple(_host(document) for (document,) in rows)


def last_number(connection: Connection) -> int:
    """Return the highest number that a host ever had."""
    mark = select(fleet_marks.c.value).where(fleet_marks.c.name == LAST_NUMBER)
    last: int | None = connection.execute(mark).scalar()
    if last is None:  # no host was added since the mark exists
        last = connection.execute(select(func.max(hosts.c.number))).scalar()
    return last or 0


def _host(document: bytes) -> Host:
    return from_document(document, Host, "a host")


def row_of(host: Host) -> dict[str, object]:
    """Return the columns of a host, but for its number."""
    return {
        "id": host.id,
        "name": host.name,
        "address": host.address,
        "port": host.port,
        "document": to_document(host),
    }
