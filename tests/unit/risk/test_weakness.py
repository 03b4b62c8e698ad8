from datetime import date

from oakum.core.advisories.signals import CveSignals, KevEntry
from oakum.core.ids import CveId, HostId
from oakum.core.matching.finding import Evidence, Finding, FindingState
from oakum.core.risk.weakness import by_weakness

EXPLOITED, BOTH, PLAIN, UNHEARD = (CveId(f"CVE-2026-000{n}") for n in range(4))
KEV = KevEntry(EXPLOITED, date(2026, 1, 1), None, is_used_by_ransomware=False)
SIGNALS = {
    EXPLOITED: CveSignals(EXPLOITED, kev=KEV, cwes=("CWE-22",)),
    BOTH: CveSignals(BOTH, cwes=("CWE-125", "CWE-787")),
    PLAIN: CveSignals(PLAIN, cwes=("CWE-787",)),
}


def finding(source: str, cve: CveId, on: str, state: FindingState) -> Finding:
    evidence = Evidence("1", "2", "1 < 2", "debian-tracker", "2026-11-01")
    return Finding(HostId(on), source, cve, state, evidence)


def test_kinds_are_ordered_by_what_is_exploited_then_by_number() -> None:
    """What no record names a weakness of comes last, and is not left out."""
    fix = FindingState.AFFECTED_FIX_AVAILABLE
    groups = by_weakness(
        (
            finding("nginx", EXPLOITED, "web", fix),
            finding("expat", BOTH, "web", fix),
            finding("expat", BOTH, "db", fix),
            finding("curl", PLAIN, "db", fix),
            finding("curl", UNHEARD, "db", fix),
            finding("linux", PLAIN, "db", FindingState.AFFECTED_NO_FIX),
        ),
        SIGNALS,
    )
    assert [(g.cwe, g.patches, len(g.hosts), len(g.cves), len(g.kev)) for g in groups] == [
        ("CWE-22", ("nginx",), 1, 1, 1),
        ("CWE-787", ("curl", "expat"), 2, 2, 0),
        ("CWE-125", ("expat",), 2, 1, 0),
        ("", ("curl",), 1, 1, 0),
    ]
