"""Our orders against the code of apt and rpm themselves; a million pairs are in benchmarks/."""

import pytest
from benchmarks.version_orders import ORDERS, Order, generated, peer

PAIRS = 20_000


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)
def test_versions_are_ordered_as_their_own_tools_do(order: Order) -> None:
    """On pairs that differ by a character or two."""
    pairs = list(generated(order, PAIRS))
    theirs, _ = peer(order, pairs)
    ours = [order.compare(first, second) for first, second in pairs]
    assert [pair for pair, a, b in zip(pairs, ours, theirs, strict=True) if a != b] == []
    assert len(set(theirs)) == 3
