"""Machines that share leases read one clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import OperationalError
from tests.conformance.postgres_server import PostgresServer

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.server_clock import TRUST_SECONDS, ServerClock

SERVERS = datetime(2026, 11, 25, 12, tzinfo=UTC)


class _Asked(ServerClock):
    """Asks a server that is sometimes away."""

    def __init__(self) -> None:
        self.ticks, self.asked, self.is_away = 0.0, 0, False
        super().__init__(None, lambda: self.ticks)  # type: ignore[arg-type]

    def _ask(self) -> datetime:
        if self.is_away:
            raise OperationalError("", {}, Exception("gone"))
        self.asked += 1
        return SERVERS + timedelta(hours=self.asked)


def test_the_server_is_asked_once_a_minute_and_counted_on_from() -> None:
    """In between, and while it is away, this machine's steady clock serves."""
    clock = _Asked()
    assert clock.now() == SERVERS + timedelta(hours=1)
    clock.ticks = TRUST_SECONDS
    assert clock.now() == SERVERS + timedelta(hours=1, seconds=TRUST_SECONDS)
    clock.ticks, clock.is_away = TRUST_SECONDS + 1, True
    assert clock.now() == SERVERS + timedelta(hours=1, seconds=TRUST_SECONDS + 1)
    clock.is_away = False
    assert clock.now() == SERVERS + timedelta(hours=2)


def test_it_may_be_asked_inside_a_transaction(postgres: PostgresServer, tmp_path: Path) -> None:
    """Transactions take turns: the clock must not wait for the one that asks it."""
    database = open_database(postgres.new_database(), tmp_path, busy_seconds=1)
    clock = ServerClock(database)
    with database.begin():
        here = clock.now()
    database.dispose()
    assert here.tzinfo is UTC
