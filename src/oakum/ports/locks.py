"""One long command at a time."""

from contextlib import AbstractContextManager
from typing import Protocol


class CommandLocks(Protocol):
    """Named locks over all processes that share a home."""

    def hold(self, name: str, purpose: str) -> AbstractContextManager[None]:
        """Hold a lock. Raises ConflictError that says who holds it."""
        ...
