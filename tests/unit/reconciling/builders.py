"""Hosts, findings and results in few words."""

from datetime import UTC, datetime

from oakum.core.advisories.statement import Urgency
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Evidence, Finding, FindingState
from oakum.core.reconciling.report import ReportedHost, ScannerReport, ScannerResult

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CVE = "CVE-2026-0001"
WEB = ReportedHost("web-1")


def host(name: str, address: str = "") -> Host:
    return Host(HostId(f"id-{name}"), name, address or name, 22, "oakum", "ssh-ed25519 A", NOW)


def finding(
    state: FindingState = FindingState.AFFECTED_FIX_AVAILABLE,
    source: str = "openssl",
    binary: str = "libssl3",
    cve: str = CVE,
    urgency: Urgency = Urgency.NOT_YET_ASSIGNED,
) -> Finding:
    rule = f"a rule about {source}"
    evidence = Evidence("1", "2", rule, "debian-tracker", "2026-11-24", (f"{binary}:amd64 1",))
    return Finding(HostId("id-web-1"), source, CveId(cve), state, evidence, urgency)


def result(package: str = "", cve: str = CVE, of: ReportedHost = WEB) -> ScannerResult:
    return ScannerResult(of, CveId(cve), package)


def report(*results: ScannerResult, hosts: tuple[ReportedHost, ...] = (WEB,)) -> ScannerReport:
    return ScannerReport("Trivy", NOW, hosts, results)
