"""The choice of a lane: by what a plan closes, by its deadline, or by a person's word.

The deadline is planned backwards from: the least urgent lane that meets it is taken, but none less
urgent than the risk asks for. A date that no lane meets shortens nothing: a person has to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from oakum.core.errors import RefusedError
from oakum.core.planning.lane import (
    Deadline,
    LaneChoice,
    LaneEnd,
    PlanLane,
    Soaks,
    in_utc,
    soak_of,
)
from oakum.core.planning.plan import Plan
from oakum.core.planning.prediction import predict, predicted_seconds, seconds_of_plan

TO_THE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Urgency:
    """What is known of how urgent a plan is, before anybody chooses."""

    lane: PlanLane
    reason: str
    deadline: Deadline | None
    """The earliest that a policy sets for something that it closes."""


@dataclass(frozen=True, slots=True)
class LaneWish:
    """What a person and the settings say."""

    soaks: Soaks
    before_critical_seconds: int = 0
    """What the rings before the last soak together at least, in the normal lane: for a plan whose
    last ring has critical hosts."""
    soak_seconds: int | None = None
    """One soak for every ring, whatever the lane."""
    lane: PlanLane | None = None
    """None: let it follow."""
    reason: str = ""
    by: datetime | None = None
    """When the rollout must have ended, or the plan is refused."""


def in_lane(plan: Plan, urgency: Urgency, wish: LaneWish) -> Plan:
    """Return the plan in its lane, as it would begin when it was made.

    Raises RefusedError when it must have ended by a time that its lane does not meet.
    """
    drafts = {lane: _soaking(plan, lane, wish) for lane in PlanLane}
    predictions = {lane: predict(draft, plan.created_at) for lane, draft in drafts.items()}
    ends = tuple(LaneEnd(lane, found.ends_at) for lane, found in predictions.items())
    deadlines = _deadlines(urgency, wish, plan.created_by)
    deadline = deadlines[0] if deadlines else None
    lane, reason = _chosen(urgency, wish, ends, deadlines)
    choice = LaneChoice(
        lane,
        plan.created_by if wish.lane is not None else "",
        reason,
        deadline,
        _begin_by(drafts[lane], deadline),
        ends,
    )
    if wish.by is not None:
        by = Deadline(wish.by, "")
        fitting = [end for end in ends if end.meets(by)]
        if choice.lane not in [end.lane for end in fitting]:
            raise _too_late(predictions[lane].in_words(), choice, by, fitting)
    return replace(drafts[lane], lane=choice)


def _soaking(plan: Plan, lane: PlanLane, wish: LaneWish) -> Plan:
    """Return the plan with the soaks of a lane, and what the normal lane would have asked for."""
    count = len(plan.rings)
    normal = _soaks(PlanLane.NORMAL, wish, count)
    soaks = _soaks(lane, wish, count) if wish.soak_seconds is None else [wish.soak_seconds] * count
    rings = tuple(
        replace(ring, soak_seconds=soak, normal_soak_seconds=floor)
        for ring, soak, floor in zip(plan.rings, soaks, normal, strict=True)
    )
    seconds = seconds_of_plan(plan)
    return replace(
        plan,
        rings=rings,
        predicted_seconds=predicted_seconds(rings, seconds, plan.budget.concurrency),
    )


def _soaks(lane: PlanLane, wish: LaneWish, count: int) -> list[int]:
    """Return how long each of so many rings soaks in a lane."""
    soaks = [soak_of(wish.soaks[lane], number) for number in range(count)]
    if lane is PlanLane.NORMAL and count > 1:
        soaks[-2] += max(0, wish.before_critical_seconds - sum(soaks[:-1]))
    return soaks


def _deadlines(urgency: Urgency, wish: LaneWish, person: str) -> list[Deadline]:
    """Return what policies set and what a person asks for, the earlier first."""
    found = [urgency.deadline] if urgency.deadline is not None else []
    if wish.by is not None:
        found.append(Deadline(wish.by, f"asked for by {person}"))
    return sorted(found, key=lambda deadline: deadline.at)


def _chosen(
    urgency: Urgency, wish: LaneWish, ends: Sequence[LaneEnd], deadlines: Sequence[Deadline]
) -> tuple[PlanLane, str]:
    if wish.lane is not None:
        return wish.lane, wish.reason
    possible = ends[list(PlanLane).index(urgency.lane) :]
    for deadline in deadlines:
        fitting = [end.lane for end in possible if end.meets(deadline)]
        if fitting and fitting[0] is not urgency.lane:
            return fitting[0], f"no less urgent lane would be done by {deadline.in_words()}"
        if fitting:
            break
    return urgency.lane, urgency.reason


def _begin_by(plan: Plan, deadline: Deadline | None) -> datetime | None:
    """Return, to the minute, how late it may begin: a later beginning never ends earlier."""
    if deadline is None or not _meets(plan, deadline, plan.created_at):
        return None
    earliest, steps = plan.created_at, int((deadline.at - plan.created_at) / TO_THE_MINUTE)
    low, high = 0, steps
    while low < high:
        middle = (low + high + 1) // 2
        if _meets(plan, deadline, earliest + middle * TO_THE_MINUTE):
            low = middle
        else:
            high = middle - 1
    return earliest + low * TO_THE_MINUTE


def _meets(plan: Plan, deadline: Deadline, begins_at: datetime) -> bool:
    ends_at = predict(plan, begins_at).ends_at
    return ends_at is not None and ends_at <= deadline.at


def _too_late(
    said: str, choice: LaneChoice, by: Deadline, fitting: Sequence[LaneEnd]
) -> RefusedError:
    others = ", ".join(f"--lane {end.lane.value}" for end in fitting)
    shorter = f"a shorter lane ({others}), " if others else "no lane is; "
    return RefusedError(
        f"it would not be done by {in_utc(by.at)} in the {choice.lane.value} lane: {said}",
        hint=f"what is named is what to change: {shorter}longer windows, more hosts at once "
        "(--concurrency), fewer rings (--rings) or hosts (--limit)",
    )
