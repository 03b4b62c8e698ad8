"""The job queue's own tables: made once, and brought forward as far as the workers bear it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from tests.conformance.postgres_server import running_postgres

from oakum.adapters.engines import procrastinate_schema
from oakum.adapters.engines.procrastinate_schema import bring_up_to_date
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork

PRE, POST = (
    "03.04.00_01_pre_add_retry_failed_job_procedure.sql",
    "03.02.00_50_post_batch_defer_jobs.sql",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """Open a database with the queue's tables."""
    with running_postgres() as server:
        opened = open_database(server.new_database(), tmp_path)
        _bring(opened, tmp_path, others_are_older=False)
        yield opened
        opened.dispose()


def _bring(database: Engine, home: Path, *, others_are_older: bool) -> None:
    with SqlUnitOfWork(database, home) as work:
        bring_up_to_date(work.driver_connection(), others_are_older=others_are_older)
        work.commit()


def test_what_older_workers_do_not_bear_waits_for_their_end(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change is made once; a later call makes what was left."""
    ran: list[str] = []
    monkeypatch.setattr(procrastinate_schema, "_run", lambda script, _: ran.append(script))
    _bring(database, tmp_path, others_are_older=False)
    assert ran == []
    with database.begin() as connection:
        forget = text("DELETE FROM engine_migrations WHERE name IN (:pre, :post)")
        assert connection.execute(forget, {"pre": PRE, "post": POST}).rowcount == 2
    _bring(database, tmp_path, others_are_older=True)
    assert len(ran) == 1
    assert "procrastinate_retry_job_v2" in ran[0]
    _bring(database, tmp_path, others_are_older=True)
    assert len(ran) == 1
    _bring(database, tmp_path, others_are_older=False)
    assert len(ran) == 2


def test_a_database_that_is_none_of_postgresql_is_refused(tmp_path: Path) -> None:
    """The queue is PostgreSQL's alone."""
    opened = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path)
    with pytest.raises(TypeError, match="no connection of psycopg"):
        _bring(opened, tmp_path, others_are_older=False)
    opened.dispose()
