"""Labels declare which hosts must not be at work together."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.groups import groups_of
from oakum.core.planning.plan import Group, GroupKind

AT = datetime(2026, 11, 23, tzinfo=UTC)


def host(name: str, *labels: str) -> Host:
    return Host(HostId(name), name, "127.0.0.1", 22, "root", "ssh-ed25519 A", AT, labels)


@given(st.integers(3, 40))
def test_a_quorum_keeps_its_majority(size: int) -> None:
    """With as many down as the limit allows, more than half of the members are left."""
    fleet = [host(f"h{n:02}", "quorum=etcd") for n in range(size)]
    (group,) = groups_of(fleet, [h.id for h in fleet])
    assert group.limit >= 1
    assert size - group.limit > size / 2
    assert size - group.limit - 1 <= size / 2 + 0.5


@pytest.mark.parametrize("size", [1, 2])
def test_a_quorum_that_can_spare_none_is_refused(size: int) -> None:
    """One of two down is no majority: that is an outage, and somebody must declare it."""
    fleet = [host(f"h{n}", "quorum=etcd-1") for n in range(size)]
    with pytest.raises(InputError, match="no majority") as refused:
        groups_of(fleet, [fleet[0].id])
    assert "declared outage" in str(refused.value.hint)


def test_members_that_the_plan_leaves_alone_count_for_the_limit() -> None:
    """One host of a quorum of five is planned: two may still be down, and only it is named."""
    fleet = [host(f"h{n}", "quorum=etcd") for n in range(5)]
    assert groups_of(fleet, [HostId("h3")]) == (
        Group(GroupKind.QUORUM, "etcd", 2, (HostId("h3"),)),
    )


def test_groups_without_planned_hosts_and_other_labels_are_left_out() -> None:
    """Only what holds this plan's hosts back is part of it; a pair bears one, a rack all."""
    fleet = [
        host("a", "domain=rack-1", "ha=db"),
        host("b", "domain=rack-1", "ha=db", "role=web"),
        host("c", "domain=rack-2", "ha", "ha=", "quorum=lonely"),
    ]
    both = (HostId("a"), HostId("b"))
    assert groups_of(fleet, both) == (
        Group(GroupKind.DOMAIN, "rack-1", 2, both),
        Group(GroupKind.AVAILABILITY, "db", 1, both),
    )


def test_a_host_in_two_domains_is_refused() -> None:
    """Two racks at once, or a rack and a zone, leave open who may be at work with it."""
    with pytest.raises(InputError, match="one of them only"):
        groups_of([host("a", "domain=rack-1", "domain=zone-1")], [HostId("a")])
