"""Groups of hosts that must not be at work together, as their labels declare."""

from collections.abc import Iterable

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.plan import Group, GroupKind


def groups_of(fleet: Iterable[Host], planned: Iterable[HostId]) -> tuple[Group, ...]:
    """Return the groups that hold planned hosts, sorted by kind and name.

    Labels `domain=rack-a`, `ha=db-1` and `quorum=etcd-1` declare them. The limit follows from
    the whole fleet: members that the plan leaves alone count for the majority.

    Raises InputError for a quorum of which no member can be spared, and for a host in two
    domains: which of them may be at work with it would then depend on who begins.
    """
    changed = set(planned)
    members: dict[tuple[str, str], list[HostId]] = {}
    for host in fleet:
        _require_one_domain(host)
        for label in host.labels:
            kind, _, name = label.partition("=")
            if name and kind in {known.value for known in GroupKind}:
                members.setdefault((kind, name), []).append(host.id)
    return tuple(
        _group(GroupKind(kind), name, hosts, changed)
        for (kind, name), hosts in sorted(members.items())
        if changed & set(hosts)
    )


def _require_one_domain(host: Host) -> None:
    domains = [label for label in host.labels if label.startswith("domain=")]
    if len(domains) > 1:
        raise InputError(
            f"{host.name} has {', '.join(domains)}: it can fail with one of them only",
            hint="keep the one whose hosts shall be changed apart from all others",
        )


def _group(kind: GroupKind, name: str, members: list[HostId], changed: set[HostId]) -> Group:
    hosts = tuple(sorted(changed & set(members)))
    return Group(kind, name, _limit(kind, name, len(members)), hosts)


def _limit(kind: GroupKind, name: str, size: int) -> int:
    """Return how many of a group may be at work or down at once."""
    match kind:
        case GroupKind.DOMAIN:
            return size  # decide holds domains apart; within one all may go
        case GroupKind.AVAILABILITY:
            return 1
        case GroupKind.QUORUM:
            spare = (size - 1) // 2
            if spare == 0:
                raise InputError(
                    f"quorum={name} has {size} members: without any of them it has no majority",
                    hint="add members; for a declared outage, take the label off its hosts "
                    "and create the plan again",
                )
            return spare
