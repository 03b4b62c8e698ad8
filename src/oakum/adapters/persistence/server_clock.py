"""The time of the database server: machines that share leases must share a clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from oakum.adapters.persistence.database import explained

TRUST_SECONDS = 60.0


class ServerClock:
    """Asks the server once a minute, and counts on by this machine's steady clock in between."""

    def __init__(self, engine: Engine, steady: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._steady = steady
        self._asked: datetime | None = None
        self._asked_at = 0.0

    def now(self) -> datetime:
        """Return the present moment in UTC.

        While the server is away the last answer is counted on. Raises StorageAwayError where
        there was none yet.
        """
        passed = self._steady() - self._asked_at
        if self._asked is None or passed > TRUST_SECONDS:
            try:
                self._asked, self._asked_at, passed = self._ask(), self._steady(), 0.0
            except DBAPIError as error:
                if self._asked is None:
                    raise explained(error, None) from error
        return self._asked + timedelta(seconds=passed)

    def _ask(self) -> datetime:
        # Past SQLAlchemy's transactions: they take turns, and whoever asks may be inside of one.
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT clock_timestamp()")
            answer: datetime = cursor.fetchone()[0]  # type: ignore[index]
            cursor.close()
        finally:
            connection.close()
        return answer.astimezone(UTC)
