"""Many tasks in one transaction: none of them notices."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from tests.conformance.stores import examples

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.errors import ConflictError
from oakum.ports.stores import UnitOfWork


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path)
    yield opened
    opened.dispose()


def _add(number: int, work: UnitOfWork) -> int:
    work.hosts.add(examples.host(f"web-{number}", number))
    return number


def _names(database: Engine, home: Path) -> set[str]:
    with SqlUnitOfWork(database, home) as work:
        return {host.name for host in work.hosts.all()}


def test_what_comes_together_is_committed_together(database: Engine, tmp_path: Path) -> None:
    """Each gets its own answer, once it is stored."""
    commits: list[None] = []
    event.listen(database, "commit", lambda _: commits.append(None))
    writer = GroupCommit(lambda: SqlUnitOfWork(database, tmp_path))

    async def store() -> list[int]:
        numbers = range(1, 51)
        return await asyncio.gather(
            *(writer.do(lambda work, n=n: _add(n, work)) for n in numbers)  # type: ignore[misc]
        )

    assert asyncio.run(store()) == list(range(1, 51))
    assert len(_names(database, tmp_path)) == 50
    assert len(commits) == 1


def test_one_that_fails_harms_nobody_else(database: Engine, tmp_path: Path) -> None:
    """Its error is its own caller's; what the others wrote is there, and nothing twice."""
    writer = GroupCommit(lambda: SqlUnitOfWork(database, tmp_path))

    def fail(work: UnitOfWork) -> int:
        _add(9, work)
        raise ConflictError("no")

    async def store() -> list[object]:
        return [
            *await asyncio.gather(
                writer.do(lambda work: _add(1, work)),
                writer.do(fail),
                writer.do(lambda work: _add(2, work)),
                return_exceptions=True,
            )
        ]

    first, second, third = asyncio.run(store())
    assert (first, third) == (1, 2)
    assert isinstance(second, ConflictError)
    assert _names(database, tmp_path) == {"web-1", "web-2"}


def test_who_is_cancelled_does_not_stop_the_others(database: Engine, tmp_path: Path) -> None:
    """A task that ends while its act waits leaves the rest of the transaction alone."""
    writer = GroupCommit(lambda: SqlUnitOfWork(database, tmp_path))

    async def store() -> int:
        gone = asyncio.create_task(writer.do(lambda work: _add(1, work)))
        stays = asyncio.create_task(writer.do(lambda work: _add(2, work)))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(store()) == 2
    assert "web-2" in _names(database, tmp_path)
