"""Changed hosts against unchanged ones: who is measured when, and what the numbers say.

Hosts of a ring are paired with hosts of later rings before they are changed. Both are measured in
rounds: some before the ring is changed, the others while it soaks. A round is asked once and
counted once, in the same decision, so that a crash between two steps neither loses nor doubles it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from oakum.core.ids import HostId
from oakum.core.planning.metric import Measurement, Metric, Worse
from oakum.core.rollout.evidence import (
    STOP,
    Pairs,
    combined,
    is_even,
    pairs_by_rank,
    pairs_by_sign,
    spacing,
)
from oakum.core.text import counted

MAX_PAIRS = 20
"""Pairs of a metric in one ring: numbers are kept, and hosts are asked, for so many."""
MAX_ROUNDS = 100
"""Rounds in one soak. A longer one is measured less often."""
ROUND_PATIENCE = timedelta(seconds=60)
"""How long a round waits for its last answer: numbers of another minute are no pair."""
FAR = 1e6
"""What stands for a share of nothing: farther than any two numbers are."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric of one host at one moment."""

    metric: str
    value: float | None
    why: str = ""
    """Why there is no value."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a host answered in a round."""

    round: int
    readings: tuple[Reading, ...]

    def value_of(self, metric: str) -> float | None:
        """Return the number; None where there is none, or one that cannot be."""
        value = next((r.value for r in self.readings if r.metric == metric), None)
        return value if value is not None and math.isfinite(value) and value >= 0 else None

    def why_not(self, metric: str) -> str:
        """Say why there is no number."""
        found = next((r for r in self.readings if r.metric == metric), None)
        if found is None:
            return "it was not asked"
        return found.why or f"{found.value} is no number that can be compared"


@dataclass(frozen=True, slots=True)
class Pair:
    """A host that is changed and one that is not, by one metric."""

    metric: str
    changed: HostId
    control: HostId
    before: tuple[float, ...] = ()
    """How much worse the first was than the second, round by round, before it was changed."""
    after: tuple[float, ...] = ()
    lost: int = 0
    """Rounds after the change that brought no numbers of both."""
    why: str = ""
    """Why the last one of these did not."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Where measuring stands. A pure value: the next follows from it, the answers and the time."""

    ring: int = -1
    """The ring whose hosts are paired; -1 before the first."""
    pairs: tuple[Pair, ...] = ()
    unpaired: tuple[str, ...] = ()
    """Metrics for which no unchanged host is left to compare with."""
    round: int = 0
    """The last round that was asked, over the whole rollout."""
    rounds_before: int = 0
    """How many were counted before this ring was changed."""
    asked_at: datetime | None = None
    is_open: bool = False
    """Whether its answers are still waited for."""
    past: tuple[Pairs, ...] = ()
    """What earlier rings said, each metric once."""
    is_forgiven: bool = False
    """Whether a person went on though something required could not be measured."""


NOTHING_YET = Measuring()


@dataclass(frozen=True, slots=True)
class Member:
    """A host of the rollout, as far as pairing has to know it."""

    host: HostId
    ring: int
    is_unchanged: bool


def pair_up(
    measurement: Measurement, ring: int, members: Sequence[Member], was: Measuring
) -> Measuring:
    """Return the pairs of a ring that is about to be changed; what earlier rings said is kept.

    Each host stands in one pair of a metric at most: no host's own ways may count twice.
    """
    ring_of = {member.host: member.ring for member in members if member.is_unchanged}
    pairs: list[Pair] = []
    unpaired: list[str] = []
    for metric in measurement.metrics:
        found = _pairs_of(metric, ring, ring_of)
        pairs += found
        if not found and any(ring_of.get(host) == ring for hosts in metric.alike for host in hosts):
            unpaired.append(metric.name)
    return Measuring(
        ring=ring,
        pairs=tuple(pairs),
        unpaired=tuple(unpaired),
        round=was.round,
        asked_at=was.asked_at,
        past=counts(was),
    )


def _pairs_of(metric: Metric, ring: int, ring_of: dict[HostId, int]) -> list[Pair]:
    columns: list[list[Pair]] = []
    taken: set[HostId] = set()
    for hosts in metric.alike:
        free = [host for host in hosts if host not in taken]
        changed = (host for host in free if ring_of.get(host) == ring)
        later = (host for host in free if ring_of.get(host, -1) > ring)
        column = [Pair(metric.name, *both) for both in zip(changed, later, strict=False)]
        taken |= {host for pair in column for host in (pair.changed, pair.control)}
        columns.append(column)
    # From each kind of host one, then a second: a kind that is rare is seen as well.
    depth = max((len(column) for column in columns), default=0)
    rows = (column[n] for n in range(depth) for column in columns if n < len(column))
    return list(rows)[:MAX_PAIRS]


def asked_hosts(measuring: Measuring) -> frozenset[HostId]:
    """Return the hosts that a round asks."""
    return frozenset(host for pair in measuring.pairs for host in (pair.changed, pair.control))


def is_due(measuring: Measuring, interval: timedelta, now: datetime) -> bool:
    """Tell whether the next round is to be asked."""
    asked_at = measuring.asked_at
    return not measuring.is_open and (asked_at is None or now >= asked_at + interval)


def soak_interval(measurement: Measurement, soak_seconds: int) -> timedelta:
    """Return how far rounds are apart in a soak."""
    return timedelta(seconds=max(measurement.interval_seconds, soak_seconds / MAX_ROUNDS))


def opened(measuring: Measuring, now: datetime) -> Measuring:
    """Return the state with the next round asked."""
    return replace(measuring, round=measuring.round + 1, asked_at=now, is_open=True)


def closed(
    measuring: Measuring,
    measurement: Measurement,
    samples: dict[HostId, Sample],
    taking_part: frozenset[HostId],
    *,
    is_after: bool,
) -> Measuring:
    """Return the state with a round counted, once for each pair of which both took part."""
    worse = {metric.name: metric.worse for metric in measurement.metrics}
    pairs = tuple(
        _with_round(pair, worse[pair.metric], samples, is_after=is_after)
        if {pair.changed, pair.control} <= taking_part
        else pair
        for pair in measuring.pairs
    )
    rounds = measuring.rounds_before + (not is_after)
    return replace(measuring, pairs=pairs, is_open=False, rounds_before=rounds)


def _with_round(pair: Pair, worse: Worse, samples: dict[HostId, Sample], *, is_after: bool) -> Pair:
    found = [
        None if sample is None else sample.value_of(pair.metric)
        for sample in (samples.get(pair.changed), samples.get(pair.control))
    ]
    changed, control = found
    if changed is None or control is None:
        return replace(pair, lost=pair.lost + is_after, why=_why_lost(pair, samples))
    how_much = how_much_worse(changed, control, worse)
    if is_after:
        return replace(pair, after=(*pair.after, how_much))
    return replace(pair, before=(*pair.before, how_much))


def _why_lost(pair: Pair, samples: dict[HostId, Sample]) -> str:
    for host in (pair.changed, pair.control):
        sample = samples.get(host)
        if sample is None:
            return f"{host} did not answer in time"
        if sample.value_of(pair.metric) is None:
            return f"{host}: {sample.why_not(pair.metric)}"
    return ""


def how_much_worse(changed: float, control: float, worse: Worse) -> float:
    """Return the logarithm of the share: what moves both hosts alike, as the hour does, is gone."""
    if changed == control:
        return 0.0
    if not changed or not control:
        share = FAR if changed else -FAR
    else:
        share = round(math.log(changed) - math.log(control), 6)
    return share if worse is Worse.HIGHER else -share


# what they say


@lru_cache(maxsize=256)
def counts(measuring: Measuring) -> tuple[Pairs, ...]:
    """Return for each metric how often the changed host was worse than before, over all rings.

    Where the hosts were alike before, a pair is held against even; where they were not, against
    itself before the change (`core/rollout/evidence.py`). Which of both follows from what was seen
    before the change alone.
    """
    found = {pairs.metric: pairs for pairs in measuring.past}
    for name in dict.fromkeys(pair.metric for pair in measuring.pairs):
        own = [pair for pair in measuring.pairs if pair.metric == name]
        step = spacing([pair.before for pair in own])
        befores = [pair.before[::-step][::-1] for pair in own]
        count = pairs_by_sign if is_even(befores) else pairs_by_rank
        for pair, before in zip(own, befores, strict=True):
            after = pair.after[step - 1 :: step]
            worse, told = count(before, after, f"{name} {pair.changed} {pair.control}")
            was = found.get(name, Pairs(name, 0, 0))
            found[name] = Pairs(name, was.worse + worse, was.pairs + told)
    return tuple(found.values())


def evidence(measuring: Measuring) -> float:
    """Return the evidence of all metrics together that the change made hosts worse."""
    return combined(pairs.e_value for pairs in counts(measuring))


def is_worse(measuring: Measuring) -> bool:
    """Tell whether the evidence stops the rollout."""
    return evidence(measuring) >= STOP


def lacking(measuring: Measuring, required: Iterable[str], *, is_after: bool) -> tuple[str, ...]:
    """Return what is required of which less than half came, with the reason."""
    if not is_after and not measuring.rounds_before:
        return ()
    found = []
    for name in required:
        pairs = [pair for pair in measuring.pairs if pair.metric == name]
        rounds = [len(pair.after if is_after else pair.before) for pair in pairs]
        asked = sum(len(pair.after) + pair.lost for pair in pairs)
        if not is_after:
            asked = len(pairs) * measuring.rounds_before
        if pairs and (2 * sum(rounds) < asked or not asked):
            why = next((pair.why for pair in pairs if pair.why), "there was no time to measure it")
            found.append(f"{name}: {sum(rounds)} of {asked} pairs of numbers came ({why})")
    return tuple(found)


def in_words(measuring: Measuring) -> str:
    """Say what the metrics allow to be said, for people; empty where nothing is measured."""
    said = [
        f"{pairs.metric} worse in {pairs.worse} of {counted(pairs.pairs, 'pair')}"
        for pairs in counts(measuring)
    ]
    said += [f"{name}: no unchanged host is left to compare with" for name in measuring.unpaired]
    if not said:
        return ""
    return f"{', '.join(said)}; E = {evidence(measuring):.3g} and {STOP:.0f} stops"
