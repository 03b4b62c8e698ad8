import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.risk.proportion import share


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 8, 0.0, 0.3694),
        (5, 8, 0.2449, 0.9148),
        (8, 8, 0.6306, 1.0),
        (1, 10, 0.0025, 0.4450),
        (10, 100, 0.0490, 0.1762),
        (5, 7758, 0.00021, 0.00150),
    ],
)
def test_the_interval_is_that_of_the_tables(hits: int, of: int, low: float, high: float) -> None:
    """Values of Clopper and Pearson's tables, and of R's binom.test."""
    found = share(hits, of)
    assert found is not None
    assert [found.low, found.high] == pytest.approx([low, high], abs=6e-5)


def test_of_nothing_there_is_no_share() -> None:
    """It is not 0 %: nothing is known."""
    assert share(0, 0) is None


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_share_and_is_symmetric(case: tuple[int, int]) -> None:
    """Hits and misses may change places."""
    hits, of = case
    found, mirrored = share(hits, of), share(of - hits, of)
    assert found is not None
    assert mirrored is not None
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-9)
