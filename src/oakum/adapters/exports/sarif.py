"""SARIF 2.1.0 (OASIS): a rule for each CVE, a result for each finding."""

from collections.abc import Iterator

from oakum.adapters.exports.common import action, compact, identity, listed, purl
from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId
from oakum.core.matching.finding import Finding, FindingState
from oakum.ports.exports import Export, HostFindings

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {
    FindingState.AFFECTED_FIX_AVAILABLE: "error",
    FindingState.AFFECTED_NEEDS_SUBSCRIPTION: "error",
    FindingState.EXPOSED_IN_MEMORY: "error",
    FindingState.AWAITING_REBOOT: "error",
    FindingState.AFFECTED_NO_FIX: "warning",
    FindingState.UNKNOWN: "warning",
    FindingState.LIVEPATCHED: "note",
    FindingState.FIXED_ON_DISK: "note",
    FindingState.FIXED: "none",
    FindingState.NOT_AFFECTED: "none",
}


def sarif(export: Export, hosts: Iterator[HostFindings]) -> Iterator[str]:
    """Give one log with one run."""
    yield f'{{"$schema":"{SCHEMA}","version":"2.1.0","runs":[{{'
    times = {"executionSuccessful": True, "endTimeUtc": f"{export.made_at:%Y-%m-%dT%H:%M:%SZ}"}
    yield f'"invocations":[{compact(times)}],"results":['
    yield from listed(compact(_result(of, finding)) for of in hosts for finding in of.findings)
    # Which rules there are is known when every host was told of.
    rules = [_rule(export.signals[cve]) for cve in sorted(export.signals)]
    driver = {"name": "Oakum", "version": export.version, "rules": rules}
    yield f'\n],"tool":{{"driver":{compact(driver)}}}}}]}}\n'


def _rule(signals: CveSignals) -> dict[str, object]:
    rule: dict[str, object] = {"id": signals.cve}
    if signals.summary:
        rule["shortDescription"] = {"text": signals.summary}
    properties: dict[str, object] = {"tags": ["security", *signals.cwes]}
    if signals.cvss is not None:
        properties["security-severity"] = f"{signals.cvss.base_tenths / 10:.1f}"
    return rule | {"properties": properties}


def _result(of: HostFindings, finding: Finding) -> dict[str, object]:
    kind = "pass" if LEVELS[finding.state] == "none" else "fail"
    words = " ".join(part for part in (f"{finding.state.value}: {finding.evidence.rule}.",
                                       action(finding)) if part)  # fmt: skip
    location = {
        "logicalLocations": [
            {
                "name": finding.source_name,
                "fullyQualifiedName": f"{of.host.name}/{finding.source_name}",
                "kind": "package",
            }
        ]
    }
    return {
        "ruleId": CveId(finding.cve),
        "level": LEVELS[finding.state],
        "kind": kind,
        "message": {"text": words},
        "locations": [location],
        "partialFingerprints": {"oakumFinding/v1": identity("finding", *finding.key)},
        "properties": {"package": purl(of, finding)},
    }
