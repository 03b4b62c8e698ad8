"""OpenVEX v0.2.0: a statement for each finding; the host is the product, the package a part of it.

`not_affected` needs a justification or an impact statement. Vendors give no justification in the
format's words, so that theirs stands in the impact statement.
"""

from collections.abc import Iterator

from oakum.adapters.exports.common import action, compact, identity, listed, purl
from oakum.core.errors import RefusedError
from oakum.core.matching.finding import Finding, FindingState
from oakum.ports.exports import Export, HostFindings

CONTEXT = "https://openvex.dev/ns/v0.2.0"
STATUSES = {
    FindingState.AFFECTED_FIX_AVAILABLE: "affected",
    FindingState.AFFECTED_NEEDS_SUBSCRIPTION: "affected",
    FindingState.AFFECTED_NO_FIX: "affected",
    FindingState.EXPOSED_IN_MEMORY: "affected",
    FindingState.AWAITING_REBOOT: "affected",
    FindingState.LIVEPATCHED: "affected",
    FindingState.FIXED_ON_DISK: "under_investigation",
    FindingState.UNKNOWN: "under_investigation",
    FindingState.FIXED: "fixed",
    FindingState.NOT_AFFECTED: "not_affected",
}
LIVEPATCHED = "Mended by a livepatch until the next reboot; install the fixed kernel before that."


def openvex(export: Export, hosts: Iterator[HostFindings]) -> Iterator[str]:
    """Give one document. Raises RefusedError when there is nothing to state: none may be empty."""
    statements = listed(compact(_statement(of, f)) for of in hosts for f in of.findings)
    first = next(statements, None)
    if first is None:
        raise RefusedError(
            "OpenVEX knows no document without statements, and nothing is open on these hosts",
            hint="`--all` states what is fixed and not affected too; other formats may be empty",
        )
    made_at = f"{export.made_at:%Y-%m-%dT%H:%M:%SZ}"
    head = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{identity('openvex', made_at)}",
        "author": "Oakum",
        "timestamp": made_at,
        "version": 1,
        "tooling": f"Oakum {export.version}",
    }
    yield compact(head).removesuffix("}") + ',"statements":['
    yield first
    yield from statements
    yield "\n]}\n"


def _statement(of: HostFindings, finding: Finding) -> dict[str, object]:
    status = STATUSES[finding.state]
    package = purl(of, finding)
    host = f"urn:uuid:{identity('host', of.host.id)}"
    statement: dict[str, object] = {
        "vulnerability": {"name": finding.cve},
        "products": [
            {"@id": host, "subcomponents": [{"@id": package, "identifiers": {"purl": package}}]}
        ],
        "status": status,
        "status_notes": f"{of.host.name}: {finding.state.value}: {finding.evidence.rule}",
    }
    if status == "affected":
        statement["action_statement"] = action(finding) or LIVEPATCHED
    if status == "not_affected":
        statement["impact_statement"] = finding.evidence.rule
    return statement
