"""Opening the database: new, older, newer, damaged or busy."""

import sqlite3
import time
from contextlib import closing
from enum import Enum
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from oakum.adapters.persistence.audit_head import HeadFile
from oakum.adapters.persistence.tables import audit_events
from oakum.core.errors import (
    InputError,
    OakumError,
    StorageAwayError,
    StorageContendedError,
    StorageError,
)
from oakum.core.text import one_line

BUSY_SECONDS = 30
LAYOUT = "0010"
"""The last migration: what a database is brought to."""
LAYOUT_TABLE = "alembic_version"
POSTGRESQL_DRIVER = "postgresql+psycopg"
CHAIN_LOCK = 0x0A4B_0001
"""Held by who appends to the audit chain, until that is committed. Any number will do, as long as
every Oakum takes the same: those of layout 0008 hold it for the whole of each unit of work."""
DECISION_LOCK = 0x0A4B_0002
"""Held by who decides, from the first question to the commit."""
TURN = "oakum_turn"
"""The option of a connection that says whose turn it is for."""
CONTENDED = frozenset({"40001", "40P01"})
"""What PostgreSQL says of a serialization failure and of a deadlock."""


class Turn(Enum):
    """Whom a unit of work waits for, and who waits for it."""

    DECIDING = "deciding"
    """One after the other: what it read is still true when it commits."""
    DRIVING = "driving"
    """It locks the rows that it changes, and only those; SQLite has one writer all the same."""
    READING = "reading"
    """It sees one moment, writes nothing, and neither waits nor is waited for."""


def open_database(url: str, home: Path, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine over a database of the present layout, bringing an older one to it.

    A connection is for the turn that its option names; without one it decides.

    Raises StorageError when the database is damaged, busy or cannot be written, or is gone or empty
    although the head of its audit log is kept in `home`; RefusedError when it was written by a
    newer Oakum.
    """
    _make_home(home)
    parsed = _parse(url)
    path, head = sqlite_path(parsed), HeadFile.of(home)
    if path is not None and not path.exists():
        _require_beginning(head, f"{path} is gone")
    engine = _sqlite(parsed, busy_seconds) if path else _server(parsed, busy_seconds)
    try:
        _bring_up_to_date(engine, path, head)
    except (DBAPIError, sqlite3.DatabaseError) as error:
        engine.dispose()
        raise explained(error, path) from error
    except OakumError:
        engine.dispose()
        raise
    return engine


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite database; None for a server."""
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(url.database) if is_file and url.database else None


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError(
            f"the database URL cannot be read: {error}",
            hint="write sqlite:////path/oakum.db or postgresql://user@server/name",
        ) from error
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise InputError(
            f"{parsed.get_backend_name()} is no database that Oakum knows",
            hint="write sqlite:////path/oakum.db or postgresql://user@server/name",
        )
    path = sqlite_path(parsed)
    if parsed.get_backend_name() == "sqlite" and (path is None or not path.is_absolute()):
        raise InputError(
            f"the database URL {url!r} has no absolute path",
            hint="write sqlite:////path/oakum.db, with four slashes",
        )
    if parsed.drivername == "postgresql":
        return parsed.set(drivername=POSTGRESQL_DRIVER)
    return parsed


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy_seconds})
    event.listen(engine, "connect", _prepare_sqlite)

    @event.listens_for(engine, "begin")
    def take_turns(connection: Connection) -> None:
        # What only reads is not kept waiting by the one writer: WAL keeps its moment for it.
        mode = "DEFERRED" if _turn_of(connection) is Turn.READING else "IMMEDIATE"
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _server(url: URL, busy_seconds: float) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (ArgumentError, ImportError) as error:
        raise InputError(
            f"this kind of database cannot be used here: {error}",
            hint="Oakum knows SQLite and PostgreSQL; the latter needs the Python package psycopg",
        ) from error
    milliseconds = round(busy_seconds * 1000)

    @event.listens_for(engine, "connect")
    def wait_no_longer(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        del entry
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {milliseconds}")
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "begin")
    def take_turns(connection: Connection) -> None:
        # As BEGIN IMMEDIATE does on SQLite. Freed with the transaction, however it ends.
        if _turn_of(connection) is Turn.DECIDING:
            take_lock(connection, DECISION_LOCK)

    return engine


def _turn_of(connection: Connection) -> Turn:
    turn = connection.get_execution_options().get(TURN, Turn.DECIDING)
    return Turn(turn)


def take_lock(connection: Connection, number: int) -> None:
    """Wait for a lock of the server's, and keep it until the transaction ends."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({number})")


def explained(error: Exception, path: Path | None) -> StorageError:
    """Return what a driver's error means for a person."""
    place = str(path) if path else "the database"
    words = one_line(str(error.__cause__ or error).partition("\n")[0])
    is_away = path is None and _is_circumstance(error)
    if path is None and sqlstate_of(error) in CONTENDED:
        return StorageContendedError(
            f"another change of the same rows came first: {words}", hint="try again"
        )
    if "locked" in words or "lock timeout" in words:
        return StorageAwayError(
            f"{place} is in use by another command: {words}", hint="wait for it, or end it"
        )
    if "is full" in words or "No space left" in words:
        return StorageError(
            f"the disk is full: {place} cannot grow", hint="make room; nothing was half-done"
        )
    if "malformed" not in words and _is_circumstance(error):
        return (StorageAwayError if is_away else StorageError)(
            f"{place} cannot be used: {words}",
            hint="is the directory there and writable, is the server up?",
        )
    return StorageError(
        f"{place} is damaged, or no database of Oakum's: {words}",
        hint="restore it from a backup; the hosts and the snapshots on disk are untouched",
    )


def sqlstate_of(error: Exception) -> str:
    """Return what a server calls an error; nothing for any other."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _is_circumstance(error: Exception) -> bool:
    """Tell whether the server or the disk is at fault, and not what is stored."""
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_lost or isinstance(error, OperationalError | InterfaceError)


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"{home} cannot be made: {error.strerror}",
            hint="set OAKUM_HOME to a place that you may write in",
        ) from error


def _require_beginning(head: HeadFile, what: str) -> None:
    """Raise StorageError when there was a database here: a fleet must not vanish in silence."""
    kept = head.read()
    if kept is not None and kept.number > 0:
        raise StorageError(
            f"{what}, but it held {kept.number} audit events when it was last written",
            hint=head.way_out,
        )


def _prepare_sqlite(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    del entry
    connection.isolation_level = None  # transactions are begun by us, and by nothing else
    _switch_to_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Have SQLite write ahead. It does not wait by itself for another that opens a new database."""
    milliseconds: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    end = time.monotonic() + milliseconds / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _bring_up_to_date(engine: Engine, path: Path | None, kept: HeadFile) -> None:
    place = str(path) if path else "the database"
    # One transaction from looking to done: a second Oakum waits, and then finds it up to date.
    with engine.begin() as connection:
        if path is None:
            take_lock(connection, CHAIN_LOCK)  # an Oakum of an older layout takes no other
        present = _layout_of(connection)
        if present == LAYOUT:
            if connection.execute(select(audit_events.c.sequence).limit(1)).first() is None:
                _require_beginning(kept, f"the audit log in {place} is empty")
            return
        if present is None:
            _require_beginning(kept, f"{place} is empty")
        if path is not None and present is not None:
            _back_up(path, path.with_suffix(f".before-{LAYOUT}"))
        # Alembic takes a tenth of a second to load, and nearly no command needs it.
        from oakum.adapters.persistence.migrations.upgrading import upgrade  # noqa: PLC0415

        upgrade(connection, present)
    if present is None:
        kept.begin()


def _layout_of(connection: Connection) -> str | None:
    """Return the last migration that a database went through; None for an empty one."""
    if not inspect(connection).has_table(LAYOUT_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {LAYOUT_TABLE}")).scalar()  # noqa: S608 (ours)


def _back_up(path: Path, target: Path) -> None:
    """Copy the database by SQLite's own means: part of it may still be in its WAL file."""
    draft = target.with_name(f"{target.name}.new")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(draft)) as copy:
        source.backup(copy)
    draft.replace(target)
