"""Recognise a report by what is in it, and read it."""

import csv
from pathlib import Path

import msgspec

from oakum.adapters.scanners.json_reports import parse_grype, parse_trivy, parse_vuls
from oakum.adapters.scanners.nessus import ROOT as NESSUS
from oakum.adapters.scanners.nessus import parse_nessus
from oakum.adapters.scanners.openvas import ROOT as OPENVAS
from oakum.adapters.scanners.openvas import parse_openvas
from oakum.adapters.scanners.qualys import ROOTS as QUALYS
from oakum.adapters.scanners.qualys import is_heading, parse_qualys_csv, parse_qualys_xml
from oakum.core.errors import InputError
from oakum.core.reconciling.report import ScannerReport
from oakum.core.text import one_line

MAX_BYTES = 512 * 1024 * 1024
HEAD_BYTES = 64 * 1024
"""How far into a file its kind must show."""
KNOWN = "Nessus v2, OpenVAS and Qualys XML, Qualys CSV, Trivy, Grype and Vuls JSON are read"
JSON_KINDS = (
    ("SchemaVersion", parse_trivy),
    ("matches", parse_grype),
    ("jsonVersion", parse_vuls),
)


def read_report(path: Path) -> ScannerReport:
    """Return the report of a file. Raises InputError when nobody's parser knows it."""
    place = one_line(str(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{place} is larger than {MAX_BYTES >> 20} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror}") from error
    return parse_report(content, place)


def parse_report(content: bytes, place: str) -> ScannerReport:
    """Return the report. Raises InputError, also for a document that no scanner writes."""
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return _json(content, place)
    head = content[:HEAD_BYTES]
    if start.startswith(b"<"):
        if NESSUS in head:
            return parse_nessus(content)
        if any(root in head for root in QUALYS):
            return parse_qualys_xml(content)
        if OPENVAS in head:
            return parse_openvas(content)
    elif _is_qualys(head):
        return parse_qualys_csv(content)
    raise InputError(f"{place} is no report that Oakum knows", hint=KNOWN)


def _json(content: bytes, place: str) -> ScannerReport:
    try:
        keys = msgspec.json.decode(content, type=dict[str, msgspec.Raw]).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{place} cannot be read: {one_line(str(error))}", hint="export it anew; is it whole?"
        ) from error
    for key, parse in JSON_KINDS:
        if key in keys:
            return parse(content)
    raise InputError(f"{place} is no report that Oakum knows", hint=KNOWN)


def _is_qualys(head: bytes) -> bool:
    lines = head.decode(errors="replace").splitlines()
    try:
        return any(is_heading(cells) for cells in csv.reader(lines))
    except csv.Error:
        return False
