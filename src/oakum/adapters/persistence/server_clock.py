"""The time of the database server: machines that share leases must share a clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from oakum.adapters.persistence.database import explained

TRUST_SECONDS = 60.0


def seconds_since_boot() -> float:
    """Return what a steady clock says that also goes on while this machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ServerClock:
    """Asks the server once a minute, and counts on by this machine's steady clock in between."""

    def __init__(self, engine: Engine, steady: Callable[[], float] = seconds_since_boot) -> None:
        self._engine = engine
        self._steady = steady
        self._answer: tuple[datetime, float] | None = None
        """The server's time, and when by the steady clock: one value, for threads read it."""

    def now(self) -> datetime:
        """Return the present moment in UTC.

        While the server is away the last answer is counted on. Raises StorageAwayError where
        there was none yet.
        """
        answer = self._answer
        if answer is None or self._steady() - answer[1] > TRUST_SECONDS:
            try:
                answer = self._answer = (self._ask(), self._steady())
            except DBAPIError as error:
                if answer is None:
                    raise explained(error, None) from error
        asked, at = answer
        return asked + timedelta(seconds=self._steady() - at)

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
