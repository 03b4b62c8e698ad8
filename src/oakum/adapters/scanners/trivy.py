"""Trivy's JSON, schema 2: results by target, and in each its vulnerabilities."""

import msgspec

from oakum.adapters.scanners.parsing import (
    Check,
    Package,
    Parsed,
    decode,
    decode_record,
    moment,
)
from oakum.core.errors import InputError
from oakum.core.reconciling.report import ScannerReport

SCHEMA = 2
NOT_AFFECTED = "not_affected"


class _Vulnerability(msgspec.Struct, rename="pascal"):
    vulnerability_id: str = msgspec.field(name="VulnerabilityID")
    pkg_name: str = ""
    installed_version: str = ""
    fixed_version: str = ""
    severity: str = ""
    status: str = ""


class _Result(msgspec.Struct, rename="pascal"):
    target: str = ""
    vulnerabilities: list[msgspec.Raw] | None = None


class _Report(msgspec.Struct, rename="pascal"):
    schema_version: int
    artifact_name: str
    created_at: str = ""
    results: list[msgspec.Raw] | None = None


def parse_trivy(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    document = decode(content, _Report, "the Trivy report")
    if document.schema_version != SCHEMA:
        raise InputError(
            f"the Trivy report is of schema {document.schema_version}, not {SCHEMA}",
            hint="make it with a newer Trivy: `trivy rootfs --format json`",
        )
    parsed = Parsed("Trivy", moment(document.created_at))
    host = parsed.see(document.artifact_name)
    for number, raw in enumerate(document.results or ()):
        result = decode_record(raw, _Result, f"Results[{number}]", parsed)
        for inner, vulnerability in enumerate(result.vulnerabilities or () if result else ()):
            place = f"Results[{number}].Vulnerabilities[{inner}]"
            found = decode_record(vulnerability, _Vulnerability, place, parsed)
            if found is None:
                continue
            if found.status == NOT_AFFECTED:
                parsed.not_compared += 1
                continue
            package = Package(found.pkg_name, found.installed_version, found.fixed_version)
            check = Check(found.vulnerability_id, found.severity, place)
            parsed.add(host, [found.vulnerability_id], [package], check)
    return parsed.report()
