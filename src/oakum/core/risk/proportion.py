"""An exact interval for a share that was observed on few cases.

Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the
binomial, Biometrika 26 (1934) 404. It never covers less than it promises, whatever the number of
cases; on few cases it is wide, and that is what it is for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p

TAIL = 0.025
"""Each side of a 95 % interval."""
STEPS = 60


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the 95 % interval of the true share."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Return the share."""
        return self.hits / self.of


def share(hits: int, of: int) -> Share | None:
    """Return the share with its interval; None of nothing."""
    if of == 0:
        return None
    low = 0.0 if hits == 0 else _solve(lambda p: _at_least(hits, of, p) < TAIL)
    high = 1.0 if hits == of else _solve(lambda p: 1 - _at_least(hits + 1, of, p) > TAIL)
    return Share(hits, of, low, high)


def _at_least(hits: int, of: int, probability: float) -> float:
    """Return the chance of so many hits or more; the shorter tail is summed."""
    if hits <= of - hits:
        return 1 - sum(_exactly(k, of, probability) for k in range(hits))
    return sum(_exactly(k, of, probability) for k in range(hits, of + 1))


def _exactly(hits: int, of: int, probability: float) -> float:
    ways = lgamma(of + 1) - lgamma(hits + 1) - lgamma(of - hits + 1)
    return exp(ways + hits * log(probability) + (of - hits) * log1p(-probability))


def _solve(is_below: Callable[[float], bool]) -> float:
    """Return the probability up to which the condition holds, by halving."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if is_below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
