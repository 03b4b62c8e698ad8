"""The evidence is exact where it was tabled, and keeps its promise where chance rules."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.rollout.evidence import (
    EVEN,
    STOP,
    Pairs,
    combined,
    e_value,
    failures_that_stop,
    pairs_of,
    upper_bound,
)

SIZES = (1, 2, 3, 5, 10, 20, 30, 50, 100)
STOPS = {
    0.005: (1, 1, 2, 2, 2, 3, 3, 4, 5),
    0.01: (1, 2, 2, 2, 3, 3, 4, 5, 6),
    0.02: (1, 2, 2, 2, 3, 4, 5, 6, 9),
    0.05: (None, 2, 2, 3, 4, 6, 7, 9, 14),
}
PAIRS = 300


@pytest.mark.parametrize("base_rate", STOPS)
def test_the_table_of_stops_comes_out(base_rate: float) -> None:
    """For each base rate and each number of hosts, so many failures stop and one fewer does not."""
    found = tuple(failures_that_stop(hosts, base_rate) for hosts in SIZES)
    assert found == STOPS[base_rate]


@pytest.mark.parametrize("base_rate", STOPS)
@pytest.mark.parametrize("hosts", range(101))
def test_the_limit_is_the_first_count_that_reaches_it(base_rate: float, hosts: int) -> None:
    """Halving finds the same limit as counting up, for every size up to 100."""
    counts = (n for n in range(hosts + 1) if e_value(n, hosts, base_rate) >= STOP)
    assert failures_that_stop(hosts, base_rate) == next(counts, None)


@pytest.mark.parametrize("hosts", [1, 10, 100])
@pytest.mark.parametrize("base_rate", [0.005, 0.05, EVEN])
def test_evidence_expects_one_under_the_base_rate(base_rate: float, hosts: int) -> None:
    """Over all that can happen at the base rate, the mean of E is 1: it is a fair bet."""
    chances = (
        math.exp(
            math.lgamma(hosts + 1)
            - math.lgamma(n + 1)
            - math.lgamma(hosts - n + 1)
            + n * math.log(base_rate)
            + (hosts - n) * math.log1p(-base_rate)
        )
        * e_value(n, hosts, base_rate)
        for n in range(hosts + 1)
    )
    assert sum(chances) == pytest.approx(1, rel=1e-6)


def test_the_sum_over_the_grid_is_the_integral() -> None:
    """Without failures the integral has a closed form: that of cos² over the prior."""
    base_rate = 0.25  # θ from π/6 to π/2: the integral of cos²θ is (π/3)/2 - sin(π/3)/4
    width = math.pi / 3
    mean = (width / 2 - math.sin(math.pi / 3) / 4) / width
    assert e_value(0, 1, base_rate) == pytest.approx(mean / 0.75, rel=1e-6)


@given(st.integers(1, 100), st.data())
def test_more_failures_are_more_evidence(hosts: int, data: st.DataObject) -> None:
    """E grows with the failures, and a failure never speaks for the change."""
    failures = data.draw(st.integers(0, hosts - 1))
    assert e_value(failures, hosts, 0.01) < e_value(failures + 1, hosts, 0.01)
    assert e_value(0, hosts, 0.01) <= 1


def test_a_fleet_that_fails_as_one_does_not_overflow() -> None:
    """Ten thousand failures are more evidence than a float holds, and stop all the same."""
    assert e_value(10_000, 10_000, 0.01) == math.inf
    assert e_value(0, 10_000, 0.01) < 1


@pytest.mark.parametrize(
    ("failures", "hosts", "rate"), [(2, 1, 0.1), (-1, 1, 0.1), (0, 1, 0), (0, 1, 1)]
)
def test_impossible_counts_are_no_evidence(failures: int, hosts: int, rate: float) -> None:
    """What cannot be is an error, not a number."""
    with pytest.raises(ValueError, match="base rate"):
        e_value(failures, hosts, rate)


def share_stopped(rate: float, base_rate: float, hosts: int, trials: int, seed: int) -> float:
    chance = random.Random(seed)  # noqa: S311 (a simulation, seeded so that it can be repeated)
    limits = [failures_that_stop(n, base_rate) for n in range(hosts + 1)]
    stopped = 0
    for _ in range(trials):
        failures = 0
        for n in range(1, hosts + 1):
            failures += chance.random() < rate
            limit = limits[n]
            if limit is not None and failures >= limit:
                stopped += 1
                break
    return stopped / trials


def test_looking_after_every_host_does_not_inflate_false_alarms() -> None:
    """At the base rate of 1 %, at most 5 % of rollouts over 300 hosts are ever stopped."""
    assert share_stopped(0.01, 0.01, 300, 4000, seed=1) <= 0.05


def test_bad_changes_are_found_within_300_hosts() -> None:
    """A change that breaks 5 % of hosts is found in nine rollouts of ten, 10 % always."""
    assert share_stopped(0.05, 0.01, 300, 2000, seed=2) >= 0.9
    assert share_stopped(0.10, 0.01, 300, 2000, seed=3) >= 0.999


def share_alarmed(shift: float, spread: float, trials: int, seed: int) -> float:
    chance = random.Random(seed)  # noqa: S311 (as above)
    alarmed = 0
    for _ in range(trials):
        worse = 0
        for n in range(1, PAIRS + 1):
            worse += chance.gauss(1 + shift, spread) > chance.gauss(1, spread)
            limit = failures_that_stop(n, EVEN)
            if limit is not None and worse >= limit:
                alarmed += 1
                break
    return alarmed / trials


def test_metrics_that_did_not_change_raise_few_alarms() -> None:
    """Looked at after each of 300 pairs, equal hosts alarm in at most 5 % of rollouts."""
    assert share_alarmed(0, 0.1, 3000, seed=4) <= 0.05


@pytest.mark.parametrize(
    ("shift", "spread", "power"), [(0.05, 0.1, 0.95), (0.1, 0.1, 0.99), (0.2, 0.3, 0.99)]
)
def test_metrics_that_got_worse_are_found(shift: float, spread: float, power: float) -> None:
    """A shift of half the spread is found in 95 of 100 rollouts within 300 pairs, larger in 99."""
    assert share_alarmed(shift, spread, 500, seed=5) >= power


def test_pairs_leave_out_what_is_equal_and_refuse_what_is_missing() -> None:
    """An equal pair says nothing; a missing value is not a good one."""
    assert pairs_of("latency", [2, 1, 3, 3], [1, 2, 3, 1]) == Pairs("latency", 2, 3)
    with pytest.raises(ValueError, match="missing"):
        pairs_of("latency", [math.nan], [1])
    with pytest.raises(ValueError, match="zip"):
        pairs_of("latency", [1], [1, 2])


def test_several_metrics_count_as_their_mean() -> None:
    """One loud metric among ten silent ones needs ten times the evidence."""
    assert combined([]) == 1
    assert combined([20, 1, 0]) == 7
    assert combined([Pairs("a", 9, 9).e_value]) == Pairs("a", 9, 9).e_value


@pytest.mark.parametrize(
    ("hosts", "percent"), [(5, 45), (10, 26), (20, 14), (59, 5), (100, 3), (300, 1)]
)
def test_no_failures_still_allow_a_rate(hosts: int, percent: int) -> None:
    """The bound after clean hosts, as tabled."""
    assert round(100 * upper_bound(0, hosts)) == percent


@given(st.integers(1, 60), st.data())
def test_the_bound_leaves_five_percent(hosts: int, data: st.DataObject) -> None:
    """At the bound, so few failures have a chance of exactly 5 %, counted in whole fractions."""
    failures = data.draw(st.integers(0, hosts - 1))
    rate = Fraction(upper_bound(failures, hosts))
    chance = sum(
        math.comb(hosts, n) * rate**n * (1 - rate) ** (hosts - n) for n in range(failures + 1)
    )
    assert float(chance) == pytest.approx(0.05, rel=1e-6)


def test_all_failed_excludes_nothing() -> None:
    """When every host failed the true rate may be 100 %."""
    assert upper_bound(3, 3) == 1
