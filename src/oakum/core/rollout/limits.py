"""Which hosts may begin now, so that what depends on them keeps working."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from oakum.core.ids import HostId
from oakum.core.planning.plan import Group, GroupKind
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState


def choose(
    runs: Sequence[HostRun],
    candidates: Iterable[HostRun],
    groups: tuple[Group, ...],
    room: int,
) -> list[HostRun]:
    """Return at most `room` candidates, in their order, that may be taken to work now.

    A group bears `limit` members that are at work or down. A candidate that is down itself (a
    roll-back) waits only for members at work. Hosts of two domains are never at work at once.
    """
    chosen: list[HostRun] = []
    if room <= 0:
        return chosen
    groups_of = _groups_of(groups)
    taken = _Taken(groups_of, runs)
    for run in candidates:
        if taken.admits(run):
            taken.add(run)
            chosen.append(run)
        if len(chosen) == room:
            break
    return chosen


_Key = tuple[GroupKind, str]


def _key(group: Group) -> _Key:
    return (group.kind, group.name)


class _Taken:
    """How much of each group is in use."""

    def __init__(
        self, groups_of: Mapping[HostId, tuple[Group, ...]], runs: Sequence[HostRun]
    ) -> None:
        self._groups_of = groups_of
        self._at_work: Counter[_Key] = Counter()
        self._down: Counter[_Key] = Counter()
        self._domains: set[str] = set()
        if groups_of:
            for run in runs:
                # Most hosts of a large fleet are in one of these two, and take up nothing.
                if run.state is RunState.PENDING or (
                    run.state is RunState.SUCCEEDED and not run.hooks
                ):
                    continue
                if run.is_down:
                    self._down.update(_key(group) for group in groups_of.get(run.host, ()))
                elif run.state.is_busy:
                    self.add(run)

    def admits(self, run: HostRun) -> bool:
        """Tell whether every group of the host bears it; mending one that is down costs none."""
        for group in self._groups_of.get(run.host, ()):
            if group.kind is GroupKind.DOMAIN:
                if self._domains - {group.name}:
                    return False
            elif (
                self._at_work[_key(group)] + (0 if run.is_down else self._down[_key(group)])
                >= group.limit
            ):
                return False
        return True

    def add(self, run: HostRun) -> None:
        """Count a host as at work."""
        for group in self._groups_of.get(run.host, ()):
            self._at_work[_key(group)] += 1
            if run.is_down:
                self._down[_key(group)] -= 1
            if group.kind is GroupKind.DOMAIN:
                self._domains.add(group.name)


@lru_cache(maxsize=16)
def _groups_of(groups: tuple[Group, ...]) -> Mapping[HostId, tuple[Group, ...]]:
    found: dict[HostId, tuple[Group, ...]] = {}
    for group in groups:
        for host in group.hosts:
            found[host] = (*found.get(host, ()), group)
    return found
