"""Budgets as they are declared: hosts or percent, and what a plan makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.errors import InputError
from oakum.core.planning.budget import Amount, BudgetWish, parse_amount
from oakum.core.planning.plan import Budget


@pytest.mark.parametrize(
    ("said", "hosts", "number"),
    [("3", 2, 3), (0, 50, 0), ("5%", 19, 0), ("5%", 20, 1), ("5%", 39, 1), ("100%", 7, 7)],
)
def test_a_share_is_of_whole_hosts(said: str | int, hosts: int, number: int) -> None:
    """What is not whole is not borne."""
    assert parse_amount(said, "--max-failed").of(hosts) == number


@pytest.mark.parametrize("said", ["", "%", "-1", "5 %", "101%", "1.5%", "٣", "1000001", "3 hosts"])
def test_what_is_no_amount_names_its_place(said: str) -> None:
    """And what would be one."""
    with pytest.raises(InputError, match="--max-failed") as refused:
        parse_amount(said, "--max-failed")
    assert "0% to 100%" in str(refused.value.hint)


@pytest.mark.parametrize("said", ["0", "0%"])
def test_nobody_works_with_no_host_at_a_time(said: str) -> None:
    """A concurrency is at least one."""
    with pytest.raises(InputError, match="--concurrency"):
        parse_amount(said, "--concurrency", least=1)


@given(percent=st.integers(1, 100), hosts=st.integers(1, 100_000))
def test_a_share_is_never_exceeded(percent: int, hosts: int) -> None:
    """But for the one host that must be at work for anything to happen."""
    share = Amount(percent, is_percent=True)
    wish = BudgetWish(share, share, share)
    budget, of_ring = wish.budget(hosts), wish.of_ring(hosts)
    assert of_ring is not None
    assert 100 * of_ring <= percent * hosts < 100 * (of_ring + 1)
    assert (budget.max_failed, budget.concurrency) == (of_ring, max(1, of_ring))


def test_what_is_not_declared_of_a_ring_is_not_planned() -> None:
    """Such a plan has the digest that it had before rings had budgets."""
    wish = BudgetWish(Amount(2), Amount(0))
    assert (wish.budget(9), wish.of_ring(9)) == (Budget(2, 0), None)
