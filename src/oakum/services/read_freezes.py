"""Read the declared freezes again and again: one that is declared today binds what runs today."""

from collections.abc import Callable, Sequence
from dataclasses import replace
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
        self._last: tuple[FreezeRule, ...] = ()
        self._unread_since: datetime | None = None

    def __call__(self) -> tuple[HostFreeze, ...]:
        """Return what is declared now."""
        try:
            rules = self._declared()
            if rules.freezes != self._known[0]:
                self._known = (rules.freezes, rules.frozen(self._hosts))
        except InputError as error:
            return (HostFreeze(self._while_unread(error)),)
        self._unread_since = None
        return self._known[1]

    def _declared(self) -> Rules:
        """Return what counts: a freeze is lifted when a second look does not find it either.

        Who writes a file anew leaves it empty, or away, for a moment.
        """
        rules = self._read()
        is_sure, self._last = rules.freezes == self._last, rules.freezes
        gone = tuple(rule for rule in self._known[0] if rule not in rules.freezes)
        return rules if is_sure else replace(rules, freezes=(*rules.freezes, *gone))

    def _while_unread(self, error: InputError) -> Freeze:
        now = self._clock.now()
        since = self._unread_since = self._unread_since or now
        ends = since + ((now - since) // UNREADABLE + 1) * UNREADABLE
        return Freeze(since, ends, f"what is frozen cannot be read: {one_line(error.message)}")
