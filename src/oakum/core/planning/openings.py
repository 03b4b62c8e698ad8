"""Stretches of time in which work may be done, in UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.text import one_line

SHOWN: Final = 80


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """A stretch of time in UTC, from `opens_at` up to but without `closes_at`."""

    opens_at: datetime
    closes_at: datetime

    def contains(self, moment: datetime) -> bool:
        """Tell whether a moment is in it."""
        return self.opens_at <= moment < self.closes_at


@dataclass(frozen=True, slots=True)
class Freeze:
    """A stretch of time in which nothing is begun, whatever the windows say."""

    begins_at: datetime
    ends_at: datetime
    reason: str

    def __post_init__(self) -> None:
        if self.begins_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise InputError(
                f"freeze {one_line(self.reason, SHOWN)!r}: a time has no offset",
                hint="write it like 2026-12-20T00:00:00+01:00",
            )
        if self.ends_at <= self.begins_at:
            raise InputError(
                f"freeze {one_line(self.reason, SHOWN)!r} ends before it begins",
                hint="let it end later than it begins",
            )


@dataclass(frozen=True, slots=True)
class HostFreeze:
    """A freeze that binds hosts of a rollout, whenever it was declared."""

    freeze: Freeze
    hosts: tuple[HostId, ...] = ()
    """None: every host."""

    def is_in_force(self, moment: datetime) -> bool:
        """Tell whether nothing of it is begun at a moment."""
        return self.freeze.begins_at <= moment < self.freeze.ends_at


@dataclass(frozen=True, slots=True)
class HostOpenings:
    """Hosts of a plan that may begin in the same stretches of time, and at no other."""

    windows: tuple[str, ...]
    """Names of their maintenance windows; none where only freezes bind them."""
    openings: tuple[Opening, ...]
    """In order. One ends with the last moment to begin, so that the window is kept to the end."""
    hosts: tuple[HostId, ...]

    def may_begin(self, moment: datetime) -> bool:
        """Tell whether these hosts may begin now."""
        return any(opening.contains(moment) for opening in self.openings)

    def next_begin(self, moment: datetime) -> datetime | None:
        """Return the first moment from this one on at which they may begin; None if none is."""
        for opening in self.openings:
            if moment < opening.closes_at:
                return max(moment, opening.opens_at)
        return None


def union(openings: Iterable[Opening]) -> tuple[Opening, ...]:
    """Return them in order; those that overlap or touch become one."""
    joined: list[Opening] = []
    for opening in sorted(openings):
        if joined and opening.opens_at <= joined[-1].closes_at:
            last = joined.pop()
            opening = Opening(last.opens_at, max(last.closes_at, opening.closes_at))  # noqa: PLW2901 -- grown
        joined.append(opening)
    return tuple(joined)


def intersection(left: Iterable[Opening], right: Iterable[Opening]) -> tuple[Opening, ...]:
    """Return the time that is in both."""
    others = tuple(right)
    return union(
        Opening(opens_at, closes_at)
        for one in left
        for other in others
        if (opens_at := max(one.opens_at, other.opens_at))
        < (closes_at := min(one.closes_at, other.closes_at))
    )


def without(openings: Iterable[Opening], freezes: Iterable[Freeze]) -> tuple[Opening, ...]:
    """Return the time that is in an opening and in no freeze."""
    left = union(openings)
    for freeze in freezes:
        cut = (
            piece
            for opening in left
            for piece in (
                Opening(opening.opens_at, min(opening.closes_at, freeze.begins_at)),
                Opening(max(opening.opens_at, freeze.ends_at), opening.closes_at),
            )
        )
        left = tuple(piece for piece in cut if piece.opens_at < piece.closes_at)
    return left


def to_begin(openings: Iterable[Opening], seconds: float) -> tuple[Opening, ...]:
    """Return when what takes so many seconds may begin, so that it ends within an opening."""
    shortened = (
        Opening(opening.opens_at, opening.closes_at - timedelta(seconds=seconds))
        for opening in openings
    )
    return tuple(opening for opening in shortened if opening.opens_at < opening.closes_at)
