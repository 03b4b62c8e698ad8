"""Opening the database: new, older, newer, damaged or busy."""

import shutil
import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from oakum.core.errors import RefusedError, StorageError

BUSY_SECONDS = 30


def open_database(url: str) -> Engine:
    """Return an engine over a database of the present layout, bringing an older one to it.

    Raises StorageError when it is damaged or cannot be written, RefusedError when it was written
    by a newer Oakum.
    """
    parsed = make_url(url)
    path = (
        Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
    )
    if path is not None:
        _make_home(path.parent)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS} if path else {})
    if path is not None:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        _bring_up_to_date(engine, path)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        engine.dispose()
        raise explained(error, path) from error
    return engine


def explained(error: Exception, path: Path | None) -> StorageError:
    """Return what a driver's error means for a person."""
    place = str(path) if path else "the database"
    words = str(error.__cause__ or error).splitlines()[0]
    if "locked" in words:
        return StorageError(
            f"{place} is in use by another command: {words}", hint="wait for it, or end it"
        )
    if "full" in words:
        return StorageError(
            f"the disk is full: {place} cannot grow", hint="make room; nothing was half-done"
        )
    if isinstance(error, OperationalError) and "malformed" not in words:
        return StorageError(
            f"{place} cannot be used: {words}",
            hint="is the directory there and writable, is the server up?",
        )
    return StorageError(
        f"{place} is damaged, or no database of Oakum's: {words}",
        hint="restore it from a backup; the hosts and the snapshots on disk are untouched",
    )


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"{home} cannot be made: {error.strerror}", hint="set OAKUM_HOME to a place you own"
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    del entry
    connection.isolation_level = None  # transactions are begun by us, and by nothing else
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def migration_config() -> Config:
    """Return Alembic's configuration; the scripts ship with the package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _bring_up_to_date(engine: Engine, path: Path | None) -> None:
    config = migration_config()
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present == head:
        return
    if path is not None and present is not None:
        shutil.copy2(path, path.with_suffix(f".before-{head}"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise RefusedError(
            f"the database was written by a newer Oakum (its layout is {present})",
            hint="use that version, or restore the backup that it made",
        ) from error
