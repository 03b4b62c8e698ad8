"""Vuls' JSON, version 4: one host, its CVEs, and the packages that each is in."""

from typing import Any

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

VERSION = 4


class _Affected(msgspec.Struct, rename="camel"):
    name: str = ""
    fixed_in: str = ""


class _Advisory(msgspec.Struct, rename="camel"):
    advisory_id: str = msgspec.field(default="", name="advisoryID")
    severity: str = ""


class _Cve(msgspec.Struct, rename="camel"):
    affected_packages: list[_Affected] | None = None
    distro_advisories: list[_Advisory] | None = None


class _Package(msgspec.Struct):
    version: str = ""
    release: str = ""

    @property
    def whole(self) -> str:
        return f"{self.version}-{self.release}" if self.release else self.version


class _Container(msgspec.Struct):
    name: str = ""


class _Report(msgspec.Struct, rename="camel"):
    json_version: int
    server_name: str
    scanned_cves: dict[str, msgspec.Raw] | None
    scanned_at: str = ""
    container: _Container = msgspec.field(default_factory=_Container)
    ipv4_addrs: list[str] | None = None
    ipv6_addrs: list[str] | None = None
    packages: dict[str, _Package] | None = None
    errors: list[Any] | None = None


def parse_vuls(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    document = decode(content, _Report, "the Vuls report")
    if document.json_version != VERSION:
        raise InputError(
            f"the Vuls report is of JSON version {document.json_version}, not {VERSION}",
            hint="make it with a newer Vuls: `vuls report -format-json`",
        )
    parsed = Parsed("Vuls", moment(document.scanned_at))
    name, addresses = document.server_name, document.ipv4_addrs or []
    if document.container.name:
        # Its packages are not those of the server, whatever addresses are written down.
        host = parsed.see(f"{document.container.name}@{name}")
    else:
        host = parsed.see(name, [*addresses, *(document.ipv6_addrs or ())])
    for number, error in enumerate(document.errors or ()):
        parsed.lose(f"errors[{number}]", str(error))
    installed = document.packages or {}
    for cve, raw in (document.scanned_cves or {}).items():
        place = f"scannedCves.{cve}"
        found = decode_record(raw, _Cve, place, parsed)
        if found is None:
            continue
        packages = [
            Package(p.name, installed.get(p.name, _Package()).whole, p.fixed_in)
            for p in found.affected_packages or ()
        ]
        advisories = found.distro_advisories or [_Advisory()]
        check = Check(advisories[0].advisory_id or cve, advisories[0].severity, place)
        parsed.add(host, [cve], packages, check)
    return parsed.report()
