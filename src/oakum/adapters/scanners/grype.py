"""Grype's JSON: matches of a package with a vulnerability."""

import msgspec

from oakum.adapters.scanners.parsing import (
    Check,
    Package,
    Parsed,
    decode,
    decode_record,
    moment,
)
from oakum.core.reconciling.report import ScannerReport


class _Fix(msgspec.Struct):
    versions: list[str] | None = None


class _Vulnerability(msgspec.Struct):
    id: str
    severity: str = ""
    fix: _Fix | None = None


class _Related(msgspec.Struct):
    id: str = ""


class _Artifact(msgspec.Struct):
    name: str
    version: str = ""


class _Match(msgspec.Struct, rename="camel"):
    vulnerability: _Vulnerability
    artifact: _Artifact
    related_vulnerabilities: list[_Related] | None = None


class _Image(msgspec.Struct, rename="camel"):
    user_input: str = ""


class _Source(msgspec.Struct):
    target: _Image | str = ""
    """An image, or the path of a directory or file."""


class _Descriptor(msgspec.Struct):
    name: str = ""
    timestamp: str = ""


class _Report(msgspec.Struct):
    matches: list[msgspec.Raw]
    source: _Source = msgspec.field(default_factory=_Source)
    descriptor: _Descriptor = msgspec.field(default_factory=_Descriptor)


def parse_grype(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    document = decode(content, _Report, "the Grype report")
    parsed = Parsed("Grype", moment(document.descriptor.timestamp))
    target = document.source.target
    host = parsed.see(target if isinstance(target, str) else target.user_input)
    for number, raw in enumerate(document.matches):
        place = f"matches[{number}]"
        match = decode_record(raw, _Match, place, parsed)
        if match is None:
            continue
        found, artifact = match.vulnerability, match.artifact
        fixed = ", ".join(found.fix.versions or ()) if found.fix else ""
        cves = [found.id, *(related.id for related in match.related_vulnerabilities or ())]
        package = Package(artifact.name, artifact.version, fixed)
        parsed.add(host, cves, [package], Check(found.id, found.severity, place))
    return parsed.report()
