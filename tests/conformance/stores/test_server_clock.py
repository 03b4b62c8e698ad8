"""Machines that share leases read one clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from tests.conformance.postgres_server import PostgresServer

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.server_clock import TRUST_SECONDS, ServerClock

SERVERS = datetime(2026, 11, 25, 12, tzinfo=UTC)


class _Asked(ServerClock):
    """Asks a server that is sometimes away."""

    def __init__(self, *steady: Callable[[], float]) -> None:
        self.asked, self.is_away = 0, False
        super().__init__(None, *steady)  # type: ignore[arg-type]

    def _ask(self) -> datetime:
        if self.is_away:
            raise OperationalError("", {}, Exception("gone"))
        self.asked += 1
        return SERVERS + timedelta(hours=self.asked)


def test_the_server_is_asked_once_a_minute_and_counted_on_from() -> None:
    """In between, and while it is away, this machine's steady clock serves."""
    ticks = [0.0]
    clock = _Asked(lambda: ticks[0])
    assert clock.now() == SERVERS + timedelta(hours=1)
    ticks[0] = TRUST_SECONDS
    assert clock.now() == SERVERS + timedelta(hours=1, seconds=TRUST_SECONDS)
    ticks[0], clock.is_away = TRUST_SECONDS + 1, True
    assert clock.now() == SERVERS + timedelta(hours=1, seconds=TRUST_SECONDS + 1)
    clock.is_away = False
    assert clock.now() == SERVERS + timedelta(hours=2)


def test_a_machine_that_was_suspended_does_not_take_the_old_time_for_the_present(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to a minute of silence would begin an hour ago, as soon as the server is asked again."""
    clock, suspended = _Asked(), [0.0]
    real = time.clock_gettime

    def read(which: int) -> float:
        return real(which) + (suspended[0] if which == time.CLOCK_BOOTTIME else 0.0)

    monkeypatch.setattr(time, "clock_gettime", read)
    before = clock.now()
    suspended[0] = TRUST_SECONDS / 2
    assert clock.now() - before >= timedelta(seconds=TRUST_SECONDS / 2)
    suspended[0] = 2 * TRUST_SECONDS
    assert clock.now() >= SERVERS + timedelta(hours=2)


def test_it_may_be_asked_inside_a_transaction(postgres: PostgresServer, tmp_path: Path) -> None:
    """Transactions take turns: the clock must not wait for the one that asks it."""
    database = open_database(postgres.new_database(), tmp_path, busy_seconds=1)
    clock = ServerClock(database)
    with database.begin():
        here = clock.now()
    database.dispose()
    assert here.tzinfo is UTC
