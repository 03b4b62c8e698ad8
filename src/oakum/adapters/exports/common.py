"""What several formats need: package URLs, what to do, identities that stay the same."""

import json
from collections.abc import Iterator
from uuid import UUID, uuid5

from packageurl import PackageURL

from oakum.core.matching.finding import Finding, FindingState
from oakum.ports.exports import HostFindings

NAMESPACE = UUID("5d1f6c1e-1f6a-5c0b-9a3e-0a6b6f9d2c41")
"""Of the UUIDs that are made from what they name, so that they are the same in every export."""


def identity(*parts: str) -> str:
    """Return a UUID that follows from these words alone."""
    return str(uuid5(NAMESPACE, json.dumps(parts)))


def purl(of: HostFindings, finding: Finding) -> str:
    """Return the package URL of the installed source package."""
    system = of.distribution.partition("-")[0]
    return PackageURL(
        type=of.package_type,
        namespace=system or None,
        name=finding.source_name,
        version=finding.evidence.installed_version or None,
        qualifiers={"arch": "source", "distro": of.distribution} if of.distribution else None,
    ).to_string()


def action(finding: Finding) -> str:
    """Return what is to be done about a finding; empty when nothing is."""
    fixed = finding.evidence.fixed_version
    match finding.state:
        case FindingState.AFFECTED_FIX_AVAILABLE:
            return f"Update {finding.source_name} to {fixed} or later."
        case FindingState.AFFECTED_NEEDS_SUBSCRIPTION:
            return f"Subscribe to the channel that has {finding.source_name} {fixed}."
        case FindingState.EXPOSED_IN_MEMORY:
            return "Restart the processes that still run the old code."
        case FindingState.AWAITING_REBOOT:
            return "Reboot: the fixed kernel is installed."
        case FindingState.AFFECTED_NO_FIX:
            return "The vendor has no fix yet: shield it by other means."
        case (
            FindingState.LIVEPATCHED
            | FindingState.FIXED_ON_DISK
            | FindingState.FIXED
            | FindingState.NOT_AFFECTED
            | FindingState.UNKNOWN
        ):
            return ""


def compact(value: object) -> str:
    """Return JSON in one line, its keys in the order in which they were written."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def listed(items: Iterator[str]) -> Iterator[str]:
    """Give the members of a JSON list with what stands between them."""
    for number, item in enumerate(items):
        yield f",\n{item}" if number else f"\n{item}"
