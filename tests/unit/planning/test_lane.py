"""Lanes: how long rings soak, who says so, and whether the deadline is met."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plans import NOW, PLAN

from oakum.core.errors import InputError, RefusedError
from oakum.core.planning.lane import (
    Deadline,
    PlanLane,
    lane_for,
    require_sense,
    shortened_gates,
    soak_of,
)
from oakum.core.planning.lane_choice import LaneWish, Urgency, in_lane
from oakum.core.planning.openings import HostOpenings, Opening
from oakum.core.planning.plan import Plan, Window
from oakum.core.planning.prediction import predict
from oakum.core.risk.lane import Lane
from oakum.settings import LaneSettings

HOUR = 3600
HOURS = timedelta(hours=1)
SOAKS: Mapping[PlanLane, tuple[int, ...]] = {
    PlanLane.NORMAL: (24 * HOUR, 48 * HOUR),
    PlanLane.URGENT: (4 * HOUR, 8 * HOUR),
    PlanLane.IMMEDIATE: (HOUR, 2 * HOUR),
}
OPEN = replace(PLAN, window=Window(None, None), schedule=(), groups=(), lane=None)
CALM = Urgency(PlanLane.NORMAL, "nothing of it is exploited", None)
WISH = LaneWish(SOAKS)


def soaks(plan: Plan) -> list[int]:
    return [ring.soak_seconds for ring in plan.rings]


def due(hours: int, lane: PlanLane = PlanLane.NORMAL) -> Urgency:
    return Urgency(lane, "the risk", Deadline(NOW + hours * HOURS, "bod-26-04 7.0: 3 days"))


@pytest.mark.parametrize(
    ("risk", "lane"),
    [(Lane.IMMEDIATE, PlanLane.IMMEDIATE), (Lane.OUT_OF_CYCLE, PlanLane.URGENT),
     (Lane.SCHEDULED, PlanLane.NORMAL), (Lane.DEFER, PlanLane.NORMAL)],
)  # fmt: skip
def test_the_lane_of_risk_decides_the_lane_of_a_plan(risk: Lane, lane: PlanLane) -> None:
    """SSVC says how urgent it is, the plan's lane what that does to the gates."""
    assert lane_for(risk) is lane


def test_the_lanes_that_are_shipped_are_the_known_floors() -> None:
    """24, 24 and 48 hours; 4, 8, 12 and 24 of a deadline of 72; 1, 2, 3 and 6."""
    known = LaneSettings()
    assert [s // HOUR for s in known.normal] == [24, 24, 48]
    assert [s // HOUR for s in known.urgent] == [4, 8, 12, 24]
    assert [s // HOUR for s in known.immediate] == [1, 2, 3, 6]
    assert soak_of(known.normal, 7) == 48 * HOUR


def test_a_more_urgent_lane_that_soaks_longer_makes_no_sense() -> None:
    """Somebody who shortened the normal lane alone would be slowest where it burns."""
    require_sense(SOAKS, "oakum.toml")
    with pytest.raises(InputError, match=r"oakum.toml: ring 1 soaks .* urgent lane \(4 h\)"):
        require_sense({**SOAKS, PlanLane.NORMAL: (60,)}, "oakum.toml")
    with pytest.raises(InputError, match=r"ring 2 .* immediate lane"):
        require_sense({**SOAKS, PlanLane.IMMEDIATE: (HOUR, 9 * HOUR)}, "oakum.toml")


def test_without_a_deadline_the_risk_decides() -> None:
    """No gate of the normal lane is shortened."""
    plan = in_lane(OPEN, CALM, WISH)
    assert plan.lane is not None
    assert (plan.lane.lane, plan.lane.chosen_by) == (PlanLane.NORMAL, "")
    assert plan.lane.reason == CALM.reason
    assert soaks(plan) == [24 * HOUR, 48 * HOUR]
    assert shortened_gates(plan.rings) == ()
    assert plan.predicted_seconds > 72 * HOUR
    urgent = in_lane(OPEN, replace(CALM, lane=PlanLane.URGENT), WISH)
    assert shortened_gates(urgent.rings) == (
        "ring 1 soaks 4 h instead of 24 h",
        "ring 2 soaks 8 h instead of 48 h",
    )


@pytest.mark.parametrize(
    ("hours", "lane", "is_late"),
    [(80, PlanLane.NORMAL, False), (72, PlanLane.URGENT, False), (13, PlanLane.URGENT, False),
     (12, PlanLane.IMMEDIATE, False), (3, PlanLane.NORMAL, True), (-5, PlanLane.NORMAL, True)],
)  # fmt: skip
def test_the_calmest_lane_that_meets_the_deadline_is_taken(
    hours: int,
    lane: PlanLane,
    is_late: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """One that none meets shortens nothing: a person has to know, and may choose."""
    plan = in_lane(OPEN, due(hours), WISH)
    assert plan.lane is not None
    assert (plan.lane.lane, plan.lane.is_late) == (lane, is_late)
    if lane is PlanLane.NORMAL:
        assert plan.lane.reason == "the risk"
    else:
        assert "no less urgent lane would be done by" in plan.lane.reason
        assert "bod-26-04" in plan.lane.reason


def test_a_deadline_far_away_makes_nothing_less_urgent() -> None:
    """Who is attacked now does not wait for the date."""
    plan = in_lane(OPEN, due(1000, PlanLane.IMMEDIATE), WISH)
    assert plan.lane is not None
    assert (plan.lane.lane, plan.lane.reason) == (PlanLane.IMMEDIATE, "the risk")


def test_a_person_chooses_with_name_and_reason() -> None:
    """In either direction; what it means for the deadline is in the plan."""
    wish = replace(WISH, lane=PlanLane.IMMEDIATE, reason="it is on the news")
    plan = in_lane(OPEN, due(80), wish)
    assert plan.lane is not None
    assert (plan.lane.chosen_by, plan.lane.reason) == ("me", "it is on the news")
    assert plan.lane.fitting == tuple(PlanLane)
    calm = in_lane(OPEN, due(20, PlanLane.URGENT), replace(wish, lane=PlanLane.NORMAL))
    assert calm.lane is not None
    assert calm.lane.is_late
    assert calm.lane.fitting == (PlanLane.URGENT, PlanLane.IMMEDIATE)


def test_one_soak_for_all_rings_is_a_shortened_gate_where_it_is_shorter() -> None:
    """Whatever the lane is called."""
    plan = in_lane(OPEN, CALM, replace(WISH, soak_seconds=90))
    assert soaks(plan) == [90, 90]
    assert shortened_gates(plan.rings)[0] == "ring 1 soaks 1 min 30 s instead of 24 h"


def test_what_must_be_done_by_a_time_that_no_lane_meets_is_refused() -> None:
    """Before anybody approves it."""
    with pytest.raises(RefusedError, match=r"not be done by .* normal lane") as refusal:
        in_lane(OPEN, CALM, replace(WISH, by=NOW + HOURS))
    assert "no lane is" in str(refusal.value.hint)


def test_what_the_asked_lane_does_not_meet_is_refused_with_those_that_do() -> None:
    """The way out is named."""
    wish = replace(WISH, by=NOW + 20 * HOURS, lane=PlanLane.NORMAL, reason="as always")
    with pytest.raises(RefusedError) as refusal:
        in_lane(OPEN, CALM, wish)
    assert "(--lane urgent, --lane immediate)" in str(refusal.value.hint)


def test_a_time_to_be_done_by_shortens_as_a_policys_date_does() -> None:
    """And when a policy's date is lost already, the person's time still counts."""
    for urgency in (CALM, due(-5), due(1)):
        plan = in_lane(OPEN, urgency, replace(WISH, by=NOW + 20 * HOURS))
        assert plan.lane is not None
        assert plan.lane.lane is PlanLane.URGENT
        assert "asked for by me" in plan.lane.reason


@given(st.integers(1, 200))
def test_it_may_begin_as_late_as_it_says_and_no_later(hours: int) -> None:
    """Planned backwards from the deadline, with windows: a minute later would be too late."""
    night = HostOpenings(
        ("night",),
        tuple(Opening(NOW + 24 * n * HOURS, NOW + (24 * n + 3) * HOURS) for n in range(12)),
        OPEN.hosts,
    )
    plan = in_lane(replace(OPEN, schedule=(night,)), due(hours), WISH)
    assert plan.lane is not None
    assert plan.lane.deadline is not None
    latest = plan.lane.begin_by
    if latest is None:
        assert plan.lane.is_late
        return
    then, later = (predict(plan, latest + m * timedelta(minutes=1)).ends_at for m in (0, 1))
    assert then is not None
    assert then <= plan.lane.deadline.at
    assert later is None or later > plan.lane.deadline.at
