"""The real time."""

from datetime import UTC, datetime


class SystemClock:
    """Asks the system; nothing else in Oakum does."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)  # noqa: TID251 (this is the one place)
