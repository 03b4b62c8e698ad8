"""Rings: who is changed first, so that trouble shows itself where it costs least."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Criticality
from oakum.core.planning.plan import Ring

COST = {Criticality.LOW: 0, Criticality.MEDIUM: 1, Criticality.HIGH: 2, Criticality.VERY_HIGH: 3}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A host as the rings see it."""

    host: HostId
    host_class: str
    criticality: Criticality


ALL = 100


def require_percents(percents: Sequence[int]) -> None:
    """Raise InputError unless these shares lead from some host to all of them."""
    rising = all(a < b for a, b in pairwise(percents))
    if not percents or not rising or percents[0] < 1 or percents[-1] != ALL:
        raise InputError(
            f"rings of {', '.join(map(str, percents)) or 'no'} percent: "
            "they must rise from at least 1, and end with 100",
            hint="write --rings 10,40,100, or ring_percents = [10, 40, 100] in oakum.toml",
        )


def form_rings(
    candidates: Sequence[Candidate], percents: Sequence[int], soak_seconds: int
) -> tuple[Ring, ...]:
    """Divide hosts into rings.

    The first ring holds one host of every class, the least critical one (Mirage, SOSP 2007: a
    canary per environment finds what the same number of random ones miss), and grows to its
    percentage where that is more. Later rings grow to theirs, every class in proportion.
    The last ring holds whoever is left, whatever the percentages say.
    """
    waiting = _by_turns(candidates)
    canaries = len({candidate.host_class for candidate in candidates})
    total, rings, taken = len(waiting), list[Ring](), 0
    for number, percent in enumerate(percents):
        wanted = max(-(-total * percent // 100), canaries)
        upto = total if number == len(percents) - 1 else min(total, wanted)
        if upto > taken:
            hosts = tuple(candidate.host for candidate in waiting[taken:upto])
            rings.append(Ring(f"ring {len(rings) + 1}", hosts, soak_seconds))
        taken = max(taken, upto)
    return tuple(rings)


def _by_turns(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Order hosts so that every class has its turn, the least critical host of each first."""
    classes: dict[str, list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda c: (COST[c.criticality], c.host)):
        classes.setdefault(candidate.host_class, []).append(candidate)
    ranked = [
        (_rank(place, len(members)), name, candidate)
        for name, members in classes.items()
        for place, candidate in enumerate(members)
    ]
    return [candidate for *_, candidate in sorted(ranked, key=lambda r: (r[0], r[1]))]


def _rank(place: int, size: int) -> float:
    """Return 0 for the first of a class, then the share of its class that went before."""
    return place / size
