"""Read the declared freezes again and again: one that is declared today binds what runs today."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from oakum.core.errors import InputError
from oakum.core.inventory.host import Host
from oakum.core.planning.openings import Freeze, HostFreeze
from oakum.core.planning.schedule import FreezeRule, Rules
from oakum.core.text import one_line
from oakum.ports.clock import Clock

UNREADABLE = timedelta(minutes=10)
"""For how long nothing is begun at a time, while nobody can tell what is frozen."""


class DeclaredFreezes:
    """Gives the freezes that bind hosts; where they cannot be read, nothing is begun."""

    def __init__(self, read: Callable[[], Rules], hosts: Sequence[Host], clock: Clock) -> None:
        self._read = read
        self._hosts = hosts
        self._clock = clock
        self._known: tuple[tuple[FreezeRule, ...], tuple[HostFreeze, ...]] = ((), ())
        self._unread_since: datetime | None = None

    def __call__(self) -> tuple[HostFreeze, ...]:
        """Return what is declared now."""
        try:
            rules = self._read()
            if rules.freezes != self._known[0]:
                self._known = (rules.freezes, rules.frozen(self._hosts))
        except InputError as error:
            return (HostFreeze(self._while_unread(error)),)
        self._unread_since = None
        return self._known[1]

    def _while_unread(self, error: InputError) -> Freeze:
        now = self._clock.now()
        since = self._unread_since = self._unread_since or now
        ends = since + ((now - since) // UNREADABLE + 1) * UNREADABLE
        return Freeze(since, ends, f"what is frozen cannot be read: {one_line(error.message)}")
