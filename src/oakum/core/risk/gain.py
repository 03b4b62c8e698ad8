"""What an order gains: how many hits its first places hold, and the area under that curve."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Equals:
    """Cases that an order puts in the same place, and how many of them are hits."""

    cases: int
    hits: int


def hits_among_first(count: int, order: Sequence[Equals]) -> float:
    """Return the hits among so many first cases; of equals, what is expected of them unordered."""
    left, hits = count, 0.0
    for equals in order:
        taken = min(left, equals.cases)
        hits += equals.hits * taken / equals.cases
        left -= taken
    return hits


def area_under(order: Sequence[Equals]) -> float | None:
    """Return the area under the share of hits over the share of cases; None without a hit.

    Among equals the curve is a straight line, so that an order that tells nothing gets 0.5.
    """
    cases, hits = sum(equals.cases for equals in order), sum(equals.hits for equals in order)
    if not hits:
        return None
    area = covered = 0.0
    for equals in order:
        after = covered + equals.hits / hits
        area += equals.cases / cases * (covered + after) / 2
        covered = after
    return area
