"""The schedule of a plan: what maintenance windows and freezes leave of the time to come.

Rules are turned into moments when the plan is made, so that people approve times and not rules,
and a decision needs no calendar.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.selector import parse_selector, require_selector
from oakum.core.planning.openings import (
    Freeze,
    HostFreeze,
    HostOpenings,
    Opening,
    intersection,
    to_begin,
    union,
    without,
)
from oakum.core.planning.windows import MaintenanceWindow, parse_window
from oakum.core.text import one_line

HORIZON: Final = timedelta(days=28)
"""How far a plan looks ahead. Longer, and what it was made from is old."""
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class WindowRule:
    """A recurring window as it was declared, for the hosts that a selector names."""

    name: str
    selector: str
    rule: str
    starts: datetime
    duration: timedelta
    zone: str
    """Empty: each host's own."""


@dataclass(frozen=True, slots=True)
class FreezeRule:
    """A freeze as it was declared, for the hosts that a selector names."""

    selector: str
    freeze: Freeze


@dataclass(frozen=True, slots=True)
class ScheduledHost:
    """What the schedule needs to know of a host."""

    host: Host
    zone: str
    """Its own time zone, by the name that IANA gives it; empty when it is not known."""
    seconds: int
    """How long its change is predicted to take."""


@dataclass(frozen=True, slots=True)
class Rules:
    """All that was declared, from one place that errors name."""

    windows: tuple[WindowRule, ...]
    freezes: tuple[FreezeRule, ...]
    where: str

    def require_sense(self) -> None:
        """Raise InputError for a rule that cannot be read, though no host needs it yet."""
        for window in self.windows:
            _window(window, window.zone or "UTC", self.where)
            require_selector(window.selector, f"{self.where}: window {one_line(window.name, 80)!r}")
        for rule in self.freezes:
            require_selector(
                rule.selector, f"{self.where}: freeze {one_line(rule.freeze.reason, 80)!r}"
            )
        names = [window.name for window in self.windows]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(
                f"{self.where}: two windows are called {one_line(twice[0], 80)!r}",
                hint="plans name windows: give each a name of its own",
            )

    def schedule(self, hosts: Iterable[ScheduledHost], now: datetime) -> tuple[HostOpenings, ...]:
        """Return when hosts may begin; those that no rule names are not in it.

        Raises RefusedError for a host that could not begin within the horizon, and for one whose
        time zone a window needs and nobody knows.
        """
        alike: dict[_Bound, list[HostId]] = defaultdict(list)
        names: dict[_Bound, list[str]] = defaultdict(list)
        for known in hosts:
            if bound := self._bound(known):
                alike[bound].append(known.host.id)
                names[bound].append(known.host.name)
        found: dict[tuple[tuple[str, ...], tuple[Opening, ...]], list[HostId]] = defaultdict(list)
        for bound, members in alike.items():
            openings = bound.openings(now, self.where)
            if not openings:
                raise RefusedError(_never(bound, names[bound]), hint=_hint(bound))
            found[tuple(w.name for w in bound.windows), openings] += members
        return tuple(
            HostOpenings(windows, openings, tuple(sorted(members)))
            for (windows, openings), members in sorted(found.items())
        )

    def frozen(self, hosts: Sequence[Host]) -> tuple[HostFreeze, ...]:
        """Return the freezes that bind any of these hosts, and which; a plan has no say in them."""
        found = []
        for rule in self.freezes:
            selector = parse_selector(rule.selector)
            bound = tuple(host.id for host in hosts if selector.matches(host))
            if bound:
                everyone = len(bound) == len(hosts)
                found.append(HostFreeze(rule.freeze, () if everyone else bound))
        return tuple(found)

    def _bound(self, known: ScheduledHost) -> "_Bound | None":
        windows = tuple(w for w in self.windows if parse_selector(w.selector).matches(known.host))
        freezes = tuple(
            rule.freeze
            for rule in self.freezes
            if parse_selector(rule.selector).matches(known.host)
        )
        if not windows and not freezes:
            return None
        needs_zone = any(not window.zone for window in windows)
        if needs_zone and not known.zone:
            raise RefusedError(
                f"the time zone of {known.host.name} is not known, and its window "
                f"{next(w.name for w in windows if not w.zone)!r} is in the host's own time",
                hint="run `oakum scan`, or give the window a zone",
            )
        return _Bound(windows, freezes, known.zone if needs_zone else "", known.seconds)


@dataclass(frozen=True, slots=True)
class _Bound:
    """What binds a host: hosts with the same have the same openings."""

    windows: tuple[WindowRule, ...]
    freezes: tuple[Freeze, ...]
    zone: str
    seconds: int

    def openings(self, now: datetime, where: str) -> tuple[Opening, ...]:
        """Return when such a host may begin."""
        end = now + HORIZON
        found: tuple[Opening, ...] = (Opening(now, end),)
        if self.windows:
            windows = [_window(w, w.zone or self.zone, where) for w in self.windows]
            open_then = union(opening for w in windows for opening in w.openings(now, end))
            found = intersection(open_then, found)
        return to_begin(without(found, self.freezes), self.seconds)


def _window(declared: WindowRule, zone: str, where: str) -> MaintenanceWindow:
    return parse_window(
        declared.name,
        rule=declared.rule,
        starts=declared.starts,
        duration=declared.duration,
        zone=zone,
        where=where,
    )


def openings_by_host(schedule: Sequence[HostOpenings]) -> Mapping[HostId, HostOpenings]:
    """Return what binds each host; hosts that nothing binds are not in it."""
    return {host: openings for openings in schedule for host in openings.hosts}


def _never(bound: _Bound, names: Sequence[str]) -> str:
    hosts = ", ".join(sorted(names)[:_SHOWN]) + (" and others" if len(names) > _SHOWN else "")
    what = ", ".join(window.name for window in bound.windows) or "what is frozen"
    return (
        f"{hosts} could not begin in the next {HORIZON.days} days: the change takes about "
        f"{bound.seconds} s, and {what} leaves no such stretch of time"
    )


def _hint(bound: _Bound) -> str:
    frozen = "; ".join(f"frozen: {one_line(f.reason, 80)}" for f in bound.freezes)
    return f"make the window longer, or leave them out with --limit{'; ' * bool(frozen)}{frozen}"
