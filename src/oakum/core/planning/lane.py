"""Lanes: how long a plan bakes in each ring, by how urgent it is.

The lane of risk says how urgent a patch is, in SSVC's words; the lane of a plan is what that means
for its gates. None is left out: a shorter lane only soaks for less long.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import pairwise
from typing import Protocol

from oakum.core.canonical import Json
from oakum.core.errors import InputError
from oakum.core.risk.lane import Lane
from oakum.core.text import seconds_in_words


class PlanLane(Enum):
    """How urgent a plan is; the least urgent first."""

    NORMAL = "normal"
    URGENT = "urgent"
    IMMEDIATE = "immediate"


Soaks = Mapping[PlanLane, Sequence[int]]
"""Seconds of soak after the first ring, the second and so on; the last holds for further ones."""


def lane_for(risk: Lane) -> PlanLane:
    """Return the lane of a plan that closes what is in this lane of risk."""
    match risk:
        case Lane.IMMEDIATE:
            return PlanLane.IMMEDIATE
        case Lane.OUT_OF_CYCLE:
            return PlanLane.URGENT
        case Lane.SCHEDULED | Lane.DEFER:
            return PlanLane.NORMAL


def require_sense(soaks: Soaks, where: str) -> None:
    """Raise InputError where a more urgent lane soaks for longer than a less urgent one."""
    rings = range(max(len(found) for found in soaks.values()))
    for calm, urgent in pairwise(PlanLane):
        if late := [n for n in rings if soak_of(soaks[urgent], n) > soak_of(soaks[calm], n)]:
            raise InputError(
                f"{where}: ring {late[0] + 1} soaks for longer in the {urgent.value} lane "
                f"({seconds_in_words(soak_of(soaks[urgent], late[0]))}) than in the {calm.value} "
                f"one ({seconds_in_words(soak_of(soaks[calm], late[0]))})",
                hint=f"[lanes] has seconds for each lane: set {urgent.value} as well",
            )


def soak_of(soaks: Sequence[int], ring: int) -> int:
    """Return how long a ring soaks, counted from 0."""
    return soaks[min(ring, len(soaks) - 1)]


class Baked(Protocol):
    """A ring, of a plan or of a rollout."""

    @property
    def name(self) -> str:
        """Return how people call it."""
        ...

    @property
    def soak_seconds(self) -> int:
        """Return how long it soaks."""
        ...

    @property
    def normal_soak_seconds(self) -> int | None:
        """Return how long it would in the normal lane, if that is known."""
        ...


def shortened(ring: Baked) -> str:
    """Say how much shorter than normally a ring soaks; empty where it does not."""
    normal = ring.normal_soak_seconds
    if normal is None or ring.soak_seconds >= normal:
        return ""
    return f"{seconds_in_words(ring.soak_seconds)} instead of {seconds_in_words(normal)}"


def shortened_gates(rings: Iterable[Baked]) -> tuple[str, ...]:
    """Return the rings whose soak is shortened, in words."""
    return tuple(f"{ring.name} soaks {said}" for ring in rings if (said := shortened(ring)))


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when a rollout must have ended, and who says so."""

    at: datetime
    reason: str

    def in_words(self) -> str:
        """Return it as people read it."""
        return f"{in_utc(self.at)}: {self.reason}"

    def to_json(self) -> Json:
        """Return the canonical form."""
        return {"at": self.at.isoformat(), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class LaneEnd:
    """When the plan would end in a lane, had it begun when it was made."""

    lane: PlanLane
    ends_at: datetime | None
    """None: it would not fit into its windows."""

    def meets(self, deadline: Deadline | None) -> bool:
        """Tell whether that is in time."""
        if self.ends_at is None:
            return False
        return deadline is None or self.ends_at <= deadline.at


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """Which lane a plan is in, who chose it and why, and what the others would have meant."""

    lane: PlanLane
    chosen_by: str
    """A person; empty: it follows from what the plan closes, and from its deadline."""
    reason: str
    deadline: Deadline | None
    begin_by: datetime | None
    """The latest beginning with which it would meet the deadline; None where none does."""
    ends: tuple[LaneEnd, ...]
    """For each lane."""

    @property
    def fitting(self) -> tuple[PlanLane, ...]:
        """Return the lanes that would be in time."""
        return tuple(end.lane for end in self.ends if end.meets(self.deadline))

    @property
    def is_late(self) -> bool:
        """Tell whether the plan, in its lane, could not meet its deadline when it was made."""
        return self.deadline is not None and self.lane not in self.fitting

    def to_json(self) -> Json:
        """Return the canonical form."""
        return {
            "name": self.lane.value,
            "chosen_by": self.chosen_by,
            "reason": self.reason,
            "deadline": None if self.deadline is None else self.deadline.to_json(),
            "begin_by": _written(self.begin_by),
            "ends": [[end.lane.value, _written(end.ends_at)] for end in self.ends],
        }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def in_utc(moment: datetime) -> str:
    """Return a moment as people read it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
