from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from tests.plans import CHANGE, NOW, PLAN, WEB

from oakum.adapters.persistence.documents import from_document
from oakum.core.errors import InputError
from oakum.core.ids import Digest, HostId
from oakum.core.planning.change import RollbackClass
from oakum.core.planning.plan import HostClass, Plan, Window

GOLDEN = Path(__file__).parents[2] / "golden" / "plans"
FIRST_FORMAT_DIGEST = "a000ef6ba5607013029554e48717538e8817c150273563b93b109d3459cad37e"


def variants(value: object) -> Iterator[tuple[str, Any]]:
    """Give every value that differs in one place, with the path of the place."""
    if isinstance(value, tuple):
        yield from (("[]", value[:-1]), ("[]", (*value, *value[-1:])))
        for place, item in enumerate(value):
            for path, other in variants(item):
                yield f"[{place}]{path}", (*value[:place], other, *value[place + 1 :])
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for path, other in variants(getattr(value, field.name)):
                yield f".{field.name}{path}", replace(value, **{field.name: other})
    else:
        yield from (("", other) for other in others(value))


def others(value: object) -> list[object]:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1]
        case str():
            return [f"{value}x"]
        case datetime():
            return [value + timedelta(seconds=1)]
        case Enum():
            return [other for other in type(value) if other is not value]
        case _:
            return [NOW]


CHANGED = list(variants(PLAN))


@pytest.mark.parametrize(("place", "other"), CHANGED, ids=[place for place, _ in CHANGED])
def test_any_change_of_any_field_changes_the_digest(place: str, other: Plan) -> None:
    """Whatever was changed after the approval, it is another plan."""
    assert other.digest != PLAN.digest, place


def test_the_variants_reach_every_field() -> None:
    """A field that is added to a plan is changed by the test above."""
    tops = {place.lstrip(".").partition(".")[0].partition("[")[0] for place, _ in CHANGED}
    assert tops == {field.name for field in fields(Plan)}
    inner = {place for place, _ in CHANGED if place.startswith(".classes[0].changes[0]")}
    assert len(inner) == len(fields(CHANGE))


def test_the_id_is_the_head_of_the_digest() -> None:
    """The short name cannot stay while the content changes."""
    assert PLAN.id == f"plan-{PLAN.digest[:12]}"
    assert replace(PLAN, title="other").id != PLAN.id


def test_the_line_of_a_change_is_what_people_approve() -> None:
    """`name:architecture old → new sha256`, with a mark where one is missing."""
    assert CHANGE.line() == f"upgrade\tlibssl3:amd64\t3.0.20-1\t3.0.22-1\t{'a' * 64}"
    removal = replace(CHANGE, new_version="", sha256=Digest(""))
    assert removal.line().endswith("3.0.20-1\t-\t-")


@pytest.mark.parametrize("name", ["kind", "name", "architecture", "old_version", "new_version"])
def test_the_digest_of_a_class_changes_with_each_change(name: str) -> None:
    """It is what a host compares before it starts."""
    for _, other in variants(getattr(CHANGE, name)):
        changed = replace(WEB, changes=(replace(CHANGE, **{name: other}),))
        assert changed.digest != WEB.digest
    assert replace(WEB, hosts=()).digest == WEB.digest


def test_a_plan_knows_its_hosts_and_their_classes() -> None:
    """In the order of the rings."""
    database = HostClass("db-1", (HostId("db"),), (), (), False, "", 0, 0)  # noqa: FBT003
    plan = replace(PLAN, classes=(WEB, database))
    assert plan.hosts == ("web-1", "web-2")
    assert plan.class_of(HostId("db")) is database
    assert plan.worst_rollback_classes() == (RollbackClass.LIBRARY,)


@pytest.mark.parametrize(
    ("opens", "closes", "inside"),
    [(0, 10, True), (1, 10, False), (-10, 0, False), (None, 1, True), (0, None, True),
     (None, None, True)],
)  # fmt: skip
def test_a_window_holds_its_opening_and_not_its_end(
    opens: int | None,
    closes: int | None,
    inside: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """An end that is missing is open."""

    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else NOW + timedelta(minutes=minutes)

    assert Window(at(opens), at(closes)).contains(NOW) is inside


@pytest.mark.parametrize(
    ("opens", "closes", "said"),
    [(2, 1, "before it opens"), (1, 1, "before it opens"), (None, 0, "closed at"), (-2, -1, "now")],
)
def test_a_window_in_which_nothing_can_start_makes_no_sense(
    opens: int | None, closes: int, said: str
) -> None:
    """It would be a plan that waits for ever."""
    begin = None if opens is None else NOW + timedelta(hours=opens)
    with pytest.raises(InputError, match=said):
        Window(begin, NOW + timedelta(hours=closes)).require_sense(NOW)


@pytest.mark.parametrize("window", [Window(None, None), Window(NOW - timedelta(hours=1), None)])
def test_a_window_that_is_open_makes_sense(window: Window) -> None:
    """So does one without an end."""
    window.require_sense(NOW)


def test_a_plan_that_was_stored_before_groups_keeps_its_digest() -> None:
    """What was approved under the first format is read, and is still what was approved."""
    stored = from_document((GOLDEN / "format-1.json").read_bytes(), Plan, "a plan")
    assert stored.digest == FIRST_FORMAT_DIGEST
    assert (stored.format, stored.groups) == (1, ())


def test_a_plan_of_the_first_format_cannot_be_given_what_it_had_not() -> None:
    """A base rate or groups that were written into a stored plan later change its digest."""
    stored = from_document((GOLDEN / "format-1.json").read_bytes(), Plan, "a plan")
    lax = replace(stored, budget=replace(stored.budget, base_rate_ppm=900_000))
    assert FIRST_FORMAT_DIGEST not in {lax.digest, replace(stored, groups=PLAN.groups).digest}


def test_a_plan_without_a_deadman_keeps_its_digest() -> None:
    """Stored before there were any, or with it switched off: its text says nothing of it."""
    watched, unwatched = PLAN.to_json(), replace(PLAN, deadman_seconds=0).to_json()
    assert isinstance(watched, dict)
    assert isinstance(unwatched, dict)
    assert watched == unwatched | {"deadman_seconds": 1800}
