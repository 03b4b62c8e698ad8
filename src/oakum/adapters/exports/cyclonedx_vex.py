"""CycloneDX 1.6 (ECMA-424) as VEX: a component for each package of a host, and how it stands."""

from collections.abc import Iterator
from tempfile import TemporaryFile

from oakum.adapters.exports.common import action, compact, identity, listed, purl
from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId
from oakum.core.matching.finding import Finding, FindingState
from oakum.ports.exports import Export, HostFindings

STATES = {
    FindingState.AFFECTED_FIX_AVAILABLE: ("exploitable", ["update"]),
    FindingState.AFFECTED_NEEDS_SUBSCRIPTION: ("exploitable", ["update"]),
    FindingState.AFFECTED_NO_FIX: ("exploitable", ["can_not_fix"]),
    FindingState.EXPOSED_IN_MEMORY: ("exploitable", ["workaround_available"]),
    FindingState.AWAITING_REBOOT: ("exploitable", ["workaround_available"]),
    FindingState.LIVEPATCHED: ("exploitable", ["workaround_available"]),
    FindingState.FIXED_ON_DISK: ("in_triage", []),
    FindingState.UNKNOWN: ("in_triage", []),
    FindingState.FIXED: ("resolved", []),
    FindingState.NOT_AFFECTED: ("not_affected", []),
}
METHODS = {"CVSS:4.0": "CVSSv4", "CVSS:3.1": "CVSSv31", "CVSS:3.0": "CVSSv3"}


def cyclonedx_vex(export: Export, hosts: Iterator[HostFindings]) -> Iterator[str]:
    """Give one document; each host is a component that holds its packages.

    How packages stand comes after all of them, so that it waits on disk until they are written.
    """
    serial = identity("export", export.made_at.isoformat(), *export.hosts)
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": f"{export.made_at:%Y-%m-%dT%H:%M:%SZ}",
            "tools": {
                "components": [{"type": "application", "name": "Oakum", "version": export.version}]
            },
        },
    }
    yield compact(head).removesuffix("}") + ',"components":['
    with TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n") as waiting:

        def each() -> Iterator[str]:
            for of in hosts:
                waiting.writelines(f"{compact(_finding(export, of, f))}\n" for f in of.findings)
                yield compact(_host(of))

        yield from listed(each())
        yield '\n],"vulnerabilities":['
        waiting.seek(0)
        yield from listed(line.removesuffix("\n") for line in waiting)
    yield "\n]}\n"


def _host(of: HostFindings) -> dict[str, object]:
    packages = {_reference(of, finding): finding for finding in of.findings}
    return {
        "type": "device",
        "bom-ref": identity("host", of.host.id),
        "name": of.host.name,
        "components": [
            {
                "type": "library",
                "bom-ref": reference,
                "name": finding.source_name,
                "version": finding.evidence.installed_version,
                "purl": purl(of, finding),
            }
            for reference, finding in sorted(packages.items())
        ],
    }


def _reference(of: HostFindings, finding: Finding) -> str:
    version = finding.evidence.installed_version
    return identity("package", of.host.id, finding.source_name, version)


def _finding(export: Export, of: HostFindings, finding: Finding) -> dict[str, object]:
    state, responses = STATES[finding.state]
    analysis: dict[str, object] = {
        "state": state,
        "detail": f"{finding.state.value}: {finding.evidence.rule}",
    }
    if responses:
        analysis["response"] = responses
    entry: dict[str, object] = {
        "bom-ref": identity("finding", *finding.key),
        "id": finding.cve,
        "analysis": analysis,
        "affects": [{"ref": _reference(of, finding)}],
    }
    signals = export.signals.get(CveId(finding.cve))
    if signals is not None:
        entry |= _of_cve(signals)
    if words := action(finding):
        entry["recommendation"] = words
    return entry


def _of_cve(signals: CveSignals) -> dict[str, object]:
    found: dict[str, object] = {}
    if signals.cvss is not None:
        method = METHODS.get(signals.cvss.vector[:8], "CVSSv2")
        found["ratings"] = [
            {
                "source": {"name": signals.cvss.source},
                "score": signals.cvss.base_tenths / 10,
                "method": method,
                "vector": signals.cvss.vector,
            }
        ]
    numbers = [cwe.removeprefix("CWE-") for cwe in signals.cwes]
    if cwes := [int(number) for number in numbers if number.isdigit() and int(number) > 0]:
        found["cwes"] = cwes
    if signals.summary:
        found["description"] = signals.summary
    return found
