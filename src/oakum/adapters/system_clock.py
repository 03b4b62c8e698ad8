"""The real time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Asks the system; nothing else in Oakum does."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)  # noqa: TID251 (this is the one place)


def seconds_ahead() -> float:
    """Return by how much the clock is ahead of one that runs only while this machine does.

    Only a change of it means something: the machine was suspended, or its clock was put right.
    """
    return time.time() - time.monotonic()
