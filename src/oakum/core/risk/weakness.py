"""The queue from another side: which kinds of mistake (CWE) the patches would close."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId, HostId
from oakum.core.matching.finding import Finding


@dataclass(frozen=True, slots=True)
class WeaknessGroup:
    """All that is to be patched of one kind."""

    cwe: str
    """Empty: the CVEs of which no record names a weakness."""
    patches: tuple[str, ...]
    """Source packages."""
    hosts: tuple[HostId, ...]
    cves: tuple[CveId, ...]
    kev: tuple[CveId, ...]


def by_weakness(
    findings: Iterable[Finding], signals: Mapping[CveId, CveSignals]
) -> tuple[WeaknessGroup, ...]:
    """Return the kinds, most exploited first, then most frequent; what has none comes last.

    A CVE of several kinds is in each of them: the groups do not add up to the queue.
    """
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.is_to_patch:
            known = signals.get(finding.cve)
            for cwe in (known.cwes if known is not None else ()) or ("",):
                groups[cwe].append(finding)
    found = [_group(cwe, members, signals) for cwe, members in groups.items()]
    return tuple(sorted(found, key=_order))


def _group(
    cwe: str, findings: Iterable[Finding], signals: Mapping[CveId, CveSignals]
) -> WeaknessGroup:
    members = list(findings)
    cves = tuple(sorted({finding.cve for finding in members}))
    return WeaknessGroup(
        cwe=cwe,
        patches=tuple(sorted({finding.source_name for finding in members})),
        hosts=tuple(sorted({finding.host for finding in members})),
        cves=cves,
        kev=tuple(cve for cve in cves if cve in signals and signals[cve].kev is not None),
    )


def _order(group: WeaknessGroup) -> tuple[bool, int, int, str]:
    return (not group.cwe, -len(group.kev), -len(group.cves), group.cwe)
