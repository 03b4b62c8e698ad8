"""What failures so far allow to be said, at any moment and however often it is asked.

A test that is repeated while hosts come in alarms far more often than it says. An *e-process*
does not: if hosts fail no more often than the base rate, the chance that E ever reaches 1/alpha
is at most alpha, whenever one looks (Ville's inequality).
"""

import hashlib
import math
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

ALPHA = 0.05
"""The share of harmless changes that may be stopped wrongly."""
STOP = 1 / ALPHA
"""E at which the change is held to be worse than the base rate."""
GRID = 1024
"""Points of the mixture. Where E is above 1, 64 times as many change it by less than one part in a
million, up to 10,000 hosts; far below 1, where nothing hangs on it, they differ by more."""
BISECTIONS = 50
EVEN = 0.5


@lru_cache(maxsize=65536)
def e_value(failures: int, hosts: int, base_rate: float) -> float:
    """Return the evidence that hosts fail more often than `base_rate`, a share in (0, 1).

    E = ∫ (p/p0)^S ((1-p)/(1-p0))^(n-S) dπ(p), π being Beta(1/2, 1/2) cut to [p0, 1] (a mixture
    of likelihood ratios: Robbins 1970, method of mixtures). With p = sin²θ that prior is even in
    θ, so E is the mean of the ratio over equal steps of θ.

    Raises ValueError for counts or a rate that cannot be.
    """
    if not 0 <= failures <= hosts or not 0 < base_rate < 1:
        raise ValueError(f"{failures} of {hosts} failed, base rate {base_rate}")
    least = math.asin(math.sqrt(base_rate))
    step = (math.pi / 2 - least) / GRID
    good = hosts - failures
    logs = []
    for point in range(GRID):
        rate = math.sin(least + (point + 0.5) * step) ** 2
        logs.append(
            failures * math.log(rate / base_rate) + good * math.log((1 - rate) / (1 - base_rate))
        )
    # The largest is taken out first: a fleet that fails as one would overflow.
    largest = max(logs)
    mean = sum(math.exp(log - largest) for log in logs) / GRID
    log_e = largest + math.log(mean)
    return math.inf if log_e > math.log(1e300) else math.exp(log_e)


@lru_cache(maxsize=65536)
def failures_that_stop(hosts: int, base_rate: float) -> int | None:
    """Return the fewest failures among so many hosts at which E reaches 20; None if none does."""
    if hosts < 1 or e_value(hosts, hosts, base_rate) < STOP:
        return None
    low, high = 0, hosts  # E grows with the failures, so the limit can be halved towards
    while high - low > 1:
        middle = (low + high) // 2
        if e_value(middle, hosts, base_rate) >= STOP:
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=65536)
def upper_bound(failures: int, hosts: int) -> float:
    """Return the failure rate that these counts exclude with 95 %, looked at once.

    It solves P(at most `failures` of `hosts`) = 0.05 (Clopper and Pearson 1934, one-sided); for
    no failure that is 1 - 0.05^(1/n).
    """
    if failures >= hosts:
        return 1.0
    if failures == 0:
        return float(1 - ALPHA ** (1 / hosts))
    low, high = failures / hosts, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _at_most(failures, hosts, middle) > ALPHA:
            low = middle
        else:
            high = middle
    return high


def _at_most(failures: int, hosts: int, rate: float) -> float:
    if rate >= 1:
        return 0.0
    return sum(
        math.exp(
            math.lgamma(hosts + 1)
            - math.lgamma(k + 1)
            - math.lgamma(hosts - k + 1)
            + k * math.log(rate)
            + (hosts - k) * math.log1p(-rate)
        )
        for k in range(failures + 1)
    )


@dataclass(frozen=True, slots=True)
class Pairs:
    """One metric of changed hosts, each value held against an unchanged host of the same minute."""

    metric: str
    worse: int
    """Pairs in which the changed host was worse. Equal pairs tell nothing and are left out."""
    pairs: int

    @property
    def e_value(self) -> float:
        """Return the evidence that changed hosts are worse more often than every other time.

        A sign test needs no distribution of the metric; pairing takes out the hour of the day.
        """
        return e_value(self.worse, self.pairs, EVEN)


def pairs_of(metric: str, changed: Sequence[float], unchanged: Sequence[float]) -> Pairs:
    """Compare value by value; higher is worse. Raises ValueError for unequal lengths or NaN."""
    if any(math.isnan(value) for value in (*changed, *unchanged)):
        raise ValueError(f"{metric}: a value is missing, and missing is not good")
    pairs = list(zip(changed, unchanged, strict=True))
    worse = sum(new > old for new, old in pairs)
    return Pairs(metric, worse, worse + sum(new < old for new, old in pairs))


TRIED_BEFORE = 30
"""Rounds before the change, over all pairs, below which nobody can call hosts alike."""
ODD = 1.0
"""Standard deviations by which pairs, or one of them, may lean to a side and still be even."""


def is_even(befores: Sequence[Sequence[float]]) -> bool:
    """Tell whether changed and unchanged hosts were alike before the change.

    All together and each pair for itself: hosts that lean to different sides are not alike.
    """
    signs = [[value > 0 for value in before if value] for before in befores]
    total = sum(len(found) for found in signs)
    if total < TRIED_BEFORE:
        return False
    leans = [_lean(sum(found), len(found)) for found in signs]
    return (
        abs(_lean(sum(map(sum, signs)), total)) <= ODD
        and math.sqrt(sum(lean**2 for lean in leans) / len(leans)) <= ODD
    )


def _lean(worse: int, told: int) -> float:
    return (2 * worse - told) / math.sqrt(told) if told else 0.0


FAINT = 0.1
"""Likeness of one number to the next below which they count as apart."""
WIDEST = 20


def spacing(befores: Sequence[Sequence[float]]) -> int:
    """Return every which round counts, so that a host's mood does not count again and again.

    Numbers of following minutes are alike, and evidence that takes them for apart alarms without
    a cause. How alike is taken from the rounds before the change (the first autocorrelation, with
    what it is short of in a short series, and one standard error for safety).
    """
    total = sum(len(before) for before in befores)
    product = square = 0.0
    for before in befores:
        mean = sum(before) / max(1, len(before))
        apart = [value - mean for value in before]
        product += sum(a * b for a, b in pairwise(apart))
        square += sum(a * a for a in apart)
    if not square:
        return 1
    alike = product / square
    likely = alike + (1 + 3 * alike) * len(befores) / total + 1 / math.sqrt(total)
    if likely <= FAINT:
        return 1
    return WIDEST if likely >= 1 else min(WIDEST, math.ceil(math.log(FAINT) / math.log(likely)))


def pairs_by_sign(before: Sequence[float], after: Sequence[float], name: str) -> tuple[int, int]:
    """Return how often a host that was like its partner is worse, and how often one was."""
    del before, name
    worse = sum(value > 0 for value in after)
    return worse, worse + sum(value < 0 for value in after)


def pairs_by_rank(before: Sequence[float], after: Sequence[float], name: str) -> tuple[int, int]:
    """Return how often a pair is worse than its own middle so far, and how often it was told.

    If the change did nothing, the differences of a pair come in any order, however unlike its two
    hosts are: the rank of each among those up to it is even and depends on no earlier one (Rényi
    1962), so each lies above the middle every other time. That stands for the difference of
    differences, and needs no estimate of what was before, whose error would count again and again.
    Equal values are put in an order by chance, which the name of the pair decides.
    """
    ranked: list[tuple[float, bytes]] = []
    worse = told = 0
    for number, value in enumerate((*before, *after)):
        place = bisect(ranked, keyed := (value, _chance(name, number)))
        if number >= len(before) and number:
            worse += 2 * place > number
            told += 2 * place != number
        ranked.insert(place, keyed)
    return worse, told


def _chance(name: str, number: int) -> bytes:
    return hashlib.sha256(f"{name} {number}".encode()).digest()


def combined(values: Iterable[float]) -> float:
    """Return the evidence of several E-values at once: their mean, however they depend.

    The mean of E-values is one itself (Vovk and Wang 2021); the smallest p-value is none.
    Nothing to combine is no evidence: 1.
    """
    found = list(values)
    return sum(found) / len(found) if found else 1.0
