"""What an order gains: how many hits its first places hold, and the area under that curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

TWO_SIDED = 1.96
"""Standard deviations that hold 95 % of what chance gives."""


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


def chance_margin(hits: int) -> float:
    """Return how far from 0.5 chance alone takes the area of so few hits, in 95 cases of 100.

    Without an order each hit lies anywhere alike, with the variance 1/12; the area is their mean.
    The normal law stands in for the exact one, and equals only make the margin smaller.
    """
    return TWO_SIDED / sqrt(12 * hits)
