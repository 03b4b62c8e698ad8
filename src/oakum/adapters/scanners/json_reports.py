"""JSON reports of Trivy (schema 2), Grype and Vuls (JSON version 4)."""

import msgspec

from oakum.adapters.scanners.common import Collected, json_document, moment, scanned_host
from oakum.core.reconciling.report import ScannerReport


class _TrivyFound(msgspec.Struct, rename="pascal"):
    vulnerability_id: str = msgspec.field(name="VulnerabilityID")
    pkg_name: str = ""
    installed_version: str = ""
    fixed_version: str = ""
    severity: str = ""


class _TrivyResult(msgspec.Struct, rename="pascal"):
    target: str = ""
    vulnerabilities: list[_TrivyFound] = []


class _Trivy(msgspec.Struct, rename="pascal"):
    schema_version: int
    artifact_name: str
    created_at: str = ""
    results: list[_TrivyResult] = []


def parse_trivy(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    document = json_document(content, _Trivy, "Trivy")
    collected = Collected("Trivy", moment(document.created_at))
    host = scanned_host(document.artifact_name)
    collected.hosts.append(host)
    for result in document.results:
        for found in result.vulnerabilities:
            collected.add(
                host,
                [found.vulnerability_id],
                result.target,
                package=found.pkg_name,
                installed=found.installed_version,
                fixed=found.fixed_version,
                severity=found.severity,
            )
    return collected.report()


class _GrypeFix(msgspec.Struct):
    versions: list[str] = []


class _GrypeVulnerability(msgspec.Struct):
    id: str
    namespace: str = ""
    severity: str = ""
    fix: _GrypeFix = msgspec.field(default_factory=_GrypeFix)


class _GrypeRelated(msgspec.Struct):
    id: str = ""


class _GrypeArtifact(msgspec.Struct):
    name: str
    version: str = ""


class _GrypeMatch(msgspec.Struct, rename="camel"):
    vulnerability: _GrypeVulnerability
    artifact: _GrypeArtifact
    related_vulnerabilities: list[_GrypeRelated] = []


class _GrypeSource(msgspec.Struct):
    type: str = ""
    target: msgspec.Raw = msgspec.Raw(b'""')


class _GrypeDescriptor(msgspec.Struct):
    name: str = ""
    timestamp: str = ""


class _Grype(msgspec.Struct):
    matches: list[_GrypeMatch]
    source: _GrypeSource = msgspec.field(default_factory=_GrypeSource)
    descriptor: _GrypeDescriptor = msgspec.field(default_factory=_GrypeDescriptor)


def parse_grype(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    document = json_document(content, _Grype, "Grype")
    collected = Collected("Grype", moment(document.descriptor.timestamp))
    host = scanned_host(_target(document.source) or "the scanned system")
    collected.hosts.append(host)
    for match in document.matches:
        related = [other.id for other in match.related_vulnerabilities]
        collected.add(
            host,
            [match.vulnerability.id, *related],
            match.vulnerability.namespace,
            package=match.artifact.name,
            installed=match.artifact.version,
            fixed=", ".join(match.vulnerability.fix.versions),
            severity=match.vulnerability.severity,
        )
    return collected.report()


def _target(source: _GrypeSource) -> str:
    """Return what was scanned: a directory's path; an image is described by more than a word."""
    try:
        return msgspec.json.decode(source.target, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class _VulsPackage(msgspec.Struct, rename="camel"):
    name: str = ""
    fixed_in: str = ""


class _VulsFound(msgspec.Struct, rename="camel"):
    cve_id: str = msgspec.field(default="", name="cveID")
    affected_packages: list[_VulsPackage] = []


class _VulsInstalled(msgspec.Struct):
    version: str = ""
    release: str = ""


class _Vuls(msgspec.Struct, rename="camel"):
    json_version: int
    server_name: str
    scanned_cves: dict[str, _VulsFound] = {}
    scanned_at: str = ""
    ipv4_addrs: list[str] | None = None
    ipv6_addrs: list[str] | None = None
    packages: dict[str, _VulsInstalled] = {}


def parse_vuls(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    document = json_document(content, _Vuls, "Vuls")
    collected = Collected("Vuls", moment(document.scanned_at))
    addresses = [*(document.ipv4_addrs or ()), *(document.ipv6_addrs or ())]
    host = scanned_host(document.server_name, *addresses)
    collected.hosts.append(host)
    for cve, found in document.scanned_cves.items():
        first = found.affected_packages[0] if found.affected_packages else _VulsPackage()
        installed = document.packages.get(first.name, _VulsInstalled())
        version = "-".join(part for part in (installed.version, installed.release) if part)
        collected.add(
            host, [cve], "Vuls", package=first.name, installed=version, fixed=first.fixed_in
        )
    return collected.report()
