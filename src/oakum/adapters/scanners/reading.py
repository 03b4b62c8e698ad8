"""From a file to a report: which scanner wrote it is told by its content, not by its name."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from oakum.adapters.scanners.grype import parse_grype
from oakum.adapters.scanners.nessus import ROOT as NESSUS_ROOT
from oakum.adapters.scanners.nessus import parse_nessus
from oakum.adapters.scanners.openvas import ROOTS as OPENVAS_ROOTS
from oakum.adapters.scanners.openvas import parse_openvas
from oakum.adapters.scanners.parsing import decode
from oakum.adapters.scanners.qualys import (
    DETECTIONS_ROOT,
    REPORT_ROOT,
    SCAN_ROOT,
    parse_qualys_csv,
    parse_qualys_report,
    parse_qualys_scan,
)
from oakum.adapters.scanners.trivy import parse_trivy
from oakum.adapters.scanners.vuls import parse_vuls
from oakum.adapters.scanners.xml_records import XmlRecords
from oakum.core.errors import InputError
from oakum.core.reconciling.report import ScannerReport
from oakum.core.text import one_line

MAX_BYTES = 512 * 1024 * 1024
KNOWN = (
    "Nessus v2, OpenVAS and Qualys XML, Qualys CSV, and JSON of Trivy, Grype and Vuls are read; "
    "docs/guides/scanners.md says how to save them"
)
UTF8_MARK, UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2"}
HEAD = 65_536

Parser = Callable[[bytes], ScannerReport]
BY_ROOT: Mapping[str, Parser] = {
    NESSUS_ROOT: parse_nessus,
    REPORT_ROOT: parse_qualys_report,
    SCAN_ROOT: parse_qualys_scan,
    **dict.fromkeys(OPENVAS_ROOTS, parse_openvas),
}
BY_KEY: Mapping[str, Parser] = {
    "SchemaVersion": parse_trivy,
    "matches": parse_grype,
    "jsonVersion": parse_vuls,
}


def read_report(path: Path) -> ScannerReport:
    """Return the report in a file. Raises InputError that names it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise InputError(
            f"{path} is larger than {MAX_BYTES // 1024**2} MiB",
            hint="let the scanner make a report of fewer hosts, or without information",
        )
    try:
        return parse_report(content)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", hint=error.hint) from error


def parse_report(content: bytes) -> ScannerReport:
    """Return the report that some bytes hold.

    Raises InputError when no scanner wrote them, and when no host in them can be understood.
    """
    content = content.removeprefix(UTF8_MARK)
    report = _parser_of(content)(content)
    if not report.hosts:
        lost = report.unreadable
        raise InputError(
            f"the report of {report.scanner} speaks of no host"
            + (
                f" that can be understood ({len(lost)} records cannot: {lost[0]} …)" if lost else ""
            ),
            hint="it was made without hosts, or before a scan had ended",
        )
    return report


def _parser_of(content: bytes) -> Parser:
    for magic, name in PACKED.items():
        if content.startswith(magic):
            raise InputError(f"it is packed with {name}", hint="unpack it first")
    is_utf16 = content.startswith(UTF16_MARKS)
    head = content[2:HEAD].replace(b"\0", b"") if is_utf16 else content[:HEAD]
    begin = head.lstrip()[:1]
    if begin == b"<":
        return _parser_of_xml(content)
    if is_utf16:
        raise InputError("it is in UTF-16, and no XML", hint="save it in UTF-8")
    if begin in {b"{", b"["}:
        return _parser_of_json(content)
    if b"QID" in head:
        return parse_qualys_csv
    raise InputError("it is no report of a scanner that Oakum knows", hint=KNOWN)


def _parser_of_xml(content: bytes) -> Parser:
    root = XmlRecords(content, "it").root().tag
    if root in BY_ROOT:
        return BY_ROOT[root]
    if root == DETECTIONS_ROOT:
        raise InputError(
            "Qualys' list of detections names its checks by number, and no CVE",
            hint="make a report of a scan template, as XML or CSV: that one explains them",
        )
    raise InputError(
        f"no scanner that Oakum knows begins XML with {one_line(root, 60)!r}", hint=KNOWN
    )


def _parser_of_json(content: bytes) -> Parser:
    keys = decode(content, dict[str, msgspec.Raw], "the JSON document").keys()
    for key, parser in BY_KEY.items():
        if key in keys:
            return parser
    raise InputError("it is JSON of no scanner that Oakum knows", hint=KNOWN)
