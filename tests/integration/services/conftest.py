from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.audit.event import Action
from oakum.ports.stores import UnitOfWorkFactory


@dataclass
class SteppingClock:
    """Each question is answered one second later."""

    moment: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[UnitOfWorkFactory]:
    engine = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path)
    yield lambda: SqlUnitOfWork(engine, tmp_path)
    engine.dispose()


@pytest.fixture
def actions(begin: UnitOfWorkFactory) -> Callable[[], list[Action]]:
    """Return what the audit log says was done; the chain must hold whenever it is read."""

    def read() -> list[Action]:
        with begin() as work:
            _, fault = work.audit.verify()
            assert fault is None
            return [event.action for event in work.audit.events()]

    return read
