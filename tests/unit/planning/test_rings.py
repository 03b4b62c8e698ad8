"""Rings, and what the first one tries out."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plans import PLAN

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Criticality
from oakum.core.planning.clusters import Cluster, clusters_of
from oakum.core.planning.plan import Ring
from oakum.core.planning.rings import COST, form_rings, require_percents

HOSTS = st.dictionaries(
    st.integers(0, 10_000).map(lambda n: HostId(f"h{n}")),
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(Criticality)),
    min_size=1,
    max_size=60,
)
PERCENTS = st.lists(st.integers(1, 99), max_size=4, unique=True).map(lambda p: [*sorted(p), 100])
Known = Mapping[HostId, tuple[str, Criticality]]


def rings_of(
    known: Known, percents: list[int], canaries: int
) -> tuple[tuple[Cluster, ...], tuple[tuple[HostId, ...], ...]]:
    clusters = clusters_of({host: (("role", role),) for host, (role, _) in known.items()})
    criticality = {host: found for host, (_, found) in known.items()}
    return clusters, form_rings(clusters, criticality, percents, canaries)


@given(HOSTS, PERCENTS, st.integers(1, 12))
def test_every_host_is_in_exactly_one_cluster_and_one_ring(
    known: Known, percents: list[int], canaries: int
) -> None:
    """Nobody is left out, nobody comes twice, no ring is empty."""
    clusters, rings = rings_of(known, percents, canaries)
    assert sorted(host for ring in rings for host in ring) == sorted(known)
    assert sorted(host for cluster in clusters for host in cluster.hosts) == sorted(known)
    assert all(rings)
    assert all(cluster.hosts for cluster in clusters)


@given(HOSTS, PERCENTS, st.integers(1, 12))
def test_the_first_ring_covers_as_much_as_it_may(
    known: Known, percents: list[int], canaries: int
) -> None:
    """Every cluster where they fit, else those with most hosts, each by its least critical one."""
    clusters, rings = rings_of(known, percents, canaries)
    first = set(rings[0])
    covered = [c for c in clusters if first & set(c.hosts)]
    uncovered = [c for c in clusters if c not in covered]
    assert len(covered) == min(len(clusters), len(first))
    plan_rings = tuple(Ring(f"ring {n}", hosts, 0) for n, hosts in enumerate(rings))
    plan = replace(PLAN, rings=plan_rings, clusters=clusters)
    assert list(plan.uncovered) == uncovered
    later = {host for ring in plan.rings[1:] for host in ring.hosts}
    assert all(c in covered or c in plan.uncovered for c in clusters if later & set(c.hosts))
    assert len(first) >= min(canaries, len(clusters))
    assert not uncovered or min(len(c.hosts) for c in covered) >= len(uncovered[0].hosts)
    for cluster in covered:
        costs = [COST[known[host][1]] for host in cluster.hosts]
        assert min(COST[known[host][1]] for host in first & set(cluster.hosts)) == min(costs)


@given(HOSTS, PERCENTS, st.integers(1, 12))
def test_the_first_ring_is_no_larger_than_it_must_be(
    known: Known, percents: list[int], canaries: int
) -> None:
    """Its share, or one host a cluster up to the limit; but a single ring is all of them."""
    clusters, rings = rings_of(known, percents, canaries)
    share = -(-len(known) * percents[0] // 100)
    assert len(rings[0]) <= max(share, min(len(clusters), canaries))


@given(HOSTS, PERCENTS, st.integers(1, 12), st.randoms())
def test_the_same_hosts_give_the_same_rings(
    known: Known, percents: list[int], canaries: int, shuffler: random.Random
) -> None:
    """In whatever order they are known."""
    shuffled = list(known.items())
    shuffler.shuffle(shuffled)
    assert rings_of(known, percents, canaries) == rings_of(dict(shuffled), percents, canaries)


def test_who_costs_least_begins() -> None:
    """Of a cluster the least critical host is the canary, and in the ring it is the first."""
    known = {
        HostId("a"): ("web", Criticality.HIGH),
        HostId("b"): ("web", Criticality.LOW),
        HostId("c"): ("db", Criticality.MEDIUM),
    }
    assert rings_of(known, [10, 100], 30)[1] == (("b", "c"), ("a",))


def test_the_hosts_of_uncovered_clusters_are_spread_as_well() -> None:
    """A limit of one: the second ring has the first host of the second cluster, not all of it."""
    known = {HostId(f"{role}{n}"): (role, Criticality.LOW) for role in "ab" for n in range(10)}
    rings = rings_of(known, [5, 25, 100], 1)[1]
    assert rings[0] == ("a0",)
    assert sum(host.startswith("b") for host in rings[1]) in {2, 3}


CLUSTERS, SIZE, DRAWS = 20, 50, 20_000


@pytest.mark.parametrize(("canaries", "at_random", "by_cluster"), [(10, 40, 50), (20, 64, 100)])
def test_the_table_of_how_often_a_broken_cluster_is_found(
    canaries: int, at_random: int, by_cluster: int
) -> None:
    """One of twenty clusters is broken: how likely a canary of these rings is in it, in percent."""
    known = {
        HostId(f"{cluster:02}-{number:02}"): (f"c{cluster:02}", Criticality.LOW)
        for cluster in range(CLUSTERS)
        for number in range(SIZE)
    }
    clusters, rings = rings_of(known, [canaries * 100 // len(known), 100], canaries)
    assert len(rings[0]) == canaries
    found = sum(bool(set(rings[0]) & set(broken.hosts)) for broken in clusters)
    assert 100 * found / CLUSTERS == by_cluster
    draw = random.Random(54)  # noqa: S311 (a simulation)
    everybody = list(known)
    hits = sum(
        any(host.startswith("07-") for host in draw.sample(everybody, canaries))
        for _ in range(DRAWS)
    )
    assert 100 * hits / DRAWS == pytest.approx(at_random, abs=1.5)


@pytest.mark.parametrize("percents", [(), (50, 10), (10,), (0, 100), (10, 10, 100), (10, 110)])
def test_shares_that_do_not_lead_to_all_hosts_are_refused(percents: tuple[int, ...]) -> None:
    """A rollout that ends before all hosts were changed would be reported as done."""
    with pytest.raises(InputError, match="must rise"):
        require_percents(percents)
