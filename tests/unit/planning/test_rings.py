import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Criticality
from oakum.core.planning.rings import Candidate, form_rings, require_percents

candidates = st.lists(
    st.builds(
        Candidate,
        st.integers(0, 10_000).map(lambda n: HostId(f"h{n}")),
        st.sampled_from(["web", "db", "plain"]),
        st.sampled_from(Criticality),
    ),
    min_size=1,
    unique_by=lambda candidate: candidate.host,
)
percents = st.lists(st.integers(0, 100), min_size=1, max_size=5).map(sorted)


@given(candidates, percents)
def test_every_host_is_in_exactly_one_ring(hosts: list[Candidate], shares: list[int]) -> None:
    """Nobody is left out, nobody comes twice, no ring is empty."""
    rings = form_rings(hosts, shares, 0)
    placed = [host for ring in rings for host in ring.hosts]
    assert sorted(placed) == sorted(candidate.host for candidate in hosts)
    assert all(ring.hosts for ring in rings)


@given(candidates, percents)
def test_the_first_ring_has_one_host_of_every_class(
    hosts: list[Candidate], shares: list[int]
) -> None:
    """Each environment that the plan touches is tried before any is risked as a whole."""
    first = form_rings(hosts, shares, 0)[0].hosts
    classes = {candidate.host: candidate.host_class for candidate in hosts}
    assert {classes[host] for host in first} == set(classes.values())


def test_the_least_critical_host_of_a_class_goes_first() -> None:
    """The canary is the host whose loss costs least."""
    hosts = [
        Candidate(HostId("a"), "web", Criticality.HIGH),
        Candidate(HostId("b"), "web", Criticality.LOW),
    ]
    assert form_rings(hosts, [10, 100], 0)[0].hosts == ("b",)


@pytest.mark.parametrize("percents", [(), (50, 10), (10,), (0, 100), (10, 10, 100), (10, 110)])
def test_shares_that_do_not_lead_to_all_hosts_are_refused(percents: tuple[int, ...]) -> None:
    """A rollout that ends before all hosts were changed would be reported as done."""
    with pytest.raises(InputError, match="must rise"):
        require_percents(percents)
