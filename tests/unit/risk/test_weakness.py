from datetime import date

from oakum.core.advisories.signals import CveSignals, KevEntry
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.matching.component import Component
from oakum.core.matching.fleet import Exposed, Fix, Holding, HostSet, Rung
from oakum.core.risk.weakness import by_weakness

EXPLOITED, BOTH, PLAIN, UNHEARD = (CveId(f"CVE-2026-000{n}") for n in range(4))
KEV = KevEntry(EXPLOITED, date(2026, 1, 1), None, is_used_by_ransomware=False)
SIGNALS = {
    EXPLOITED: CveSignals(EXPLOITED, kev=KEV, cwes=("CWE-22",)),
    BOTH: CveSignals(BOTH, cwes=("CWE-125", "CWE-787")),
    PLAIN: CveSignals(PLAIN, cwes=("CWE-787",)),
}


def exposed(source: str, hosts: list[int], *cves: CveId) -> Exposed:
    members = HostSet(hosts)
    rung = Rung(
        Component("bookworm", source, source, "1"),
        members,
        (Holding(date(2026, 11, 1), is_successor=False, hosts=members),),
    )
    fixes = tuple(
        Fix(1, VendorStatement("bookworm", source, cve, VendorStatus.FIXED, "2")) for cve in cves
    )
    return Exposed("bookworm", source, (rung,), fixes)


def test_kinds_are_ordered_by_what_is_exploited_then_by_number() -> None:
    """What no record names a weakness of comes last, and is not left out."""
    groups = by_weakness(
        (
            exposed("nginx", [1], EXPLOITED),
            exposed("expat", [1, 2], BOTH),
            exposed("curl", [2], PLAIN, UNHEARD),
        ),
        SIGNALS,
    )
    assert [(g.cwe, g.patches, g.hosts, len(g.cves), len(g.kev)) for g in groups] == [
        ("CWE-22", ("nginx",), 1, 1, 1),
        ("CWE-787", ("curl", "expat"), 2, 2, 0),
        ("CWE-125", ("expat",), 2, 1, 0),
        ("", ("curl",), 1, 1, 0),
    ]
