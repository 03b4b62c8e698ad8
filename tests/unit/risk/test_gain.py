from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.risk.gain import Equals, area_under, chance_margin, hits_among_first

orders = st.lists(
    st.integers(1, 50).flatmap(lambda n: st.builds(Equals, st.just(n), st.integers(0, n))),
    min_size=1,
)


def test_equals_share_their_hits() -> None:
    """Where the line falls into equals, the hits are those that chance would give."""
    order = [Equals(2, 1), Equals(8, 4)]
    assert [hits_among_first(count, order) for count in (0, 1, 2, 6, 10, 99)] == [
        0, 0.5, 1, 3, 5, 5,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("order", "area"),
    [
        ([Equals(10, 3)], 0.5),
        ([Equals(1, 1), Equals(9, 0)], 0.95),
        ([Equals(9, 0), Equals(1, 1)], 0.05),
        ([Equals(10, 0)], None),
    ],
)
def test_the_area_of_known_orders(order: list[Equals], area: float | None) -> None:
    """An order that tells nothing has a half; without a hit nothing can be said."""
    assert area_under(order) == (area if area is None else pytest.approx(area))


def test_few_hits_leave_much_to_chance() -> None:
    """In 2,000 drawn orders of 12 hits, 95 % of the areas lie within the margin."""
    random = Random(1)  # noqa: S311 (repeatable, and no secret)
    areas = [sum(random.random() for _ in range(12)) / 12 for _ in range(2_000)]
    inside = sum(abs(area - 0.5) <= chance_margin(12) for area in areas)
    assert inside / len(areas) == pytest.approx(0.95, abs=0.015)


@given(orders)
def test_an_order_and_its_opposite_make_one(order: list[Equals]) -> None:
    """Whatever one gains, the other loses."""
    area, opposite = area_under(order), area_under(order[::-1])
    if area is None or opposite is None:
        assert area is opposite
    else:
        assert area + opposite == pytest.approx(1)
