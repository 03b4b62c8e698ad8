"""The same suite on SQLite and on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.conformance.postgres_server import PostgresServer, running_postgres

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.ports.stores import UnitOfWork

Begin = Callable[[], UnitOfWork]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/home/oakum.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def engine(url: str, home: Path) -> Iterator[Engine]:
    assert home.is_dir()
    opened = open_database(url, home)
    yield opened
    opened.dispose()


@pytest.fixture
def begin(engine: Engine, home: Path) -> Begin:
    """Begin units of work on the database."""
    return lambda: SqlUnitOfWork(engine, home)
