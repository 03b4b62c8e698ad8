"""The time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests set it."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...
