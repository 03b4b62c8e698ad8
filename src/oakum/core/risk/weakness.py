"""The queue from another side: which kinds of mistake (CWE) the patches would close."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId
from oakum.core.matching.fleet import Exposed, HostSet


@dataclass(frozen=True, slots=True)
class WeaknessGroup:
    """All that is to be patched of one kind."""

    cwe: str
    """Empty: the CVEs of which no record names a weakness."""
    patches: tuple[str, ...]
    """Source packages."""
    hosts: int
    cves: tuple[CveId, ...]
    kev: tuple[CveId, ...]


@dataclass
class _Members:
    patches: set[str]
    hosts: HostSet
    cves: set[CveId]


def by_weakness(
    exposed: Iterable[Exposed], signals: Mapping[CveId, CveSignals]
) -> tuple[WeaknessGroup, ...]:
    """Return the kinds, most exploited first, then most frequent; what has none comes last.

    A CVE of several kinds is in each of them: the groups do not add up to the queue.
    """
    groups: dict[str, _Members] = defaultdict(lambda: _Members(set(), HostSet(), set()))
    for found in exposed:
        below = [HostSet()]
        for rung in found.rungs:
            below.append(below[-1] | rung.hosts)
        for fix in found.fixes:
            cve = fix.statement.cve
            known = signals.get(cve)
            for cwe in (known.cwes if known is not None else ()) or ("",):
                members = groups[cwe]
                members.patches.add(found.source)
                members.cves.add(cve)
                members.hosts |= below[fix.lacking]
    return tuple(
        sorted((_group(cwe, members, signals) for cwe, members in groups.items()), key=_order)
    )


def _group(cwe: str, members: _Members, signals: Mapping[CveId, CveSignals]) -> WeaknessGroup:
    cves = tuple(sorted(members.cves))
    return WeaknessGroup(
        cwe=cwe,
        patches=tuple(sorted(members.patches)),
        hosts=len(members.hosts),
        cves=cves,
        kev=tuple(cve for cve in cves if cve in signals and signals[cve].kev is not None),
    )


def _order(group: WeaknessGroup) -> tuple[bool, int, int, str]:
    return (not group.cwe, -len(group.kev), -len(group.cves), group.cwe)
