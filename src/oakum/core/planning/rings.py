"""Rings: who is changed first, so that trouble shows itself where it costs least."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Criticality
from oakum.core.planning.clusters import Cluster

COST = {Criticality.LOW: 0, Criticality.MEDIUM: 1, Criticality.HIGH: 2, Criticality.VERY_HIGH: 3}
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
    clusters: Sequence[Cluster],
    criticality: Mapping[HostId, Criticality],
    percents: Sequence[int],
    max_canaries: int,
) -> tuple[tuple[HostId, ...], ...]:
    """Divide hosts into rings.

    The first ring holds one host of every environment cluster, the least critical one, and grows
    to its percentage where that is more. Where there are more clusters than it may hold, those
    with most hosts are in it; of the others one host each comes first in the next rings. Later
    rings grow to their share, every cluster in proportion. The last ring holds whoever is left,
    whatever the percentages say.
    """

    def cost(host: HostId) -> tuple[int, HostId]:
        return COST[criticality[host]], host

    waiting = _by_turns(clusters, cost)
    total, taken = len(waiting), 0
    canaries = min(len(clusters), max_canaries)
    rings = list[tuple[HostId, ...]]()
    for number, percent in enumerate(percents):
        wanted = max(-(-total * percent // 100), canaries)
        upto = total if number == len(percents) - 1 else min(total, wanted)
        if upto > taken:
            # Who costs least begins: what stops a ring is then seen on the others first.
            rings.append(tuple(sorted(waiting[taken:upto], key=cost)))
        taken = max(taken, upto)
    return tuple(rings)


def _by_turns(
    clusters: Sequence[Cluster], cost: Callable[[HostId], tuple[int, HostId]]
) -> list[HostId]:
    """Order hosts so that every cluster has its turn, the largest first, each by its cost."""
    ranked = [
        (place / len(cluster.hosts), -len(cluster.hosts), number, host)
        for number, cluster in enumerate(clusters)
        for place, host in enumerate(sorted(cluster.hosts, key=cost))
    ]
    return [host for *_, host in sorted(ranked)]
