"""Qualys: a report of a scan template as XML or CSV, and the older XML of a single scan."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from oakum.adapters.scanners.parsing import Check, Package, Parsed, moment
from oakum.adapters.scanners.xml_records import XmlRecords, text_of, texts_of
from oakum.core.errors import InputError
from oakum.core.reconciling.report import ReportedHost, ScannerReport
from oakum.core.text import one_line

REPORT_ROOT, SCAN_ROOT = "ASSET_DATA_REPORT", "SCAN"
DETECTIONS_ROOT = "HOST_LIST_VM_DETECTION_OUTPUT"
ROOTS = frozenset({REPORT_ROOT, SCAN_ROOT})
REPORT_RECORDS = frozenset({"GENERATION_DATETIME", "HOST", "VULN_DETAILS"})
SCAN_RECORDS = frozenset({"KEY", "IP"})
INFORMATION = "Ig"
CLOSED = frozenset({"fixed", "ignored", "disabled"})
COLUMNS = ("IP", "QID", "CVE ID")
DATE_OF_CSV = "%m/%d/%Y %H:%M:%S"
NOT_LOOKED_AT = ("not scanned", "not alive")
TABLE = re.compile(r"package\s+installed[ _]version\s+required[ _]version", re.IGNORECASE)
"""Heads the table of a check on packages, whose columns stand apart by tabs or blanks."""


@dataclass(frozen=True, slots=True)
class _Detail:
    """A check, as the glossary of a report explains it."""

    cves: Sequence[str]
    severity: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A check that found something on a host, before it is known which CVEs it is about."""

    host: ReportedHost
    qid: str
    packages: Sequence[Package]
    place: str


def parse_qualys_report(content: bytes) -> ScannerReport:
    """Return the report of a template. Raises InputError when it is no such document.

    The glossary, which names the CVEs of each check, stands after the hosts.
    """
    parsed, glossary = Parsed("Qualys"), dict[str, _Detail]()
    found: list[_Found] = []
    number = 0
    for record in XmlRecords(content, "the Qualys report", REPORT_RECORDS):
        if record.tag == "GENERATION_DATETIME":
            parsed.date(moment(record.text or ""))
        elif record.tag == "VULN_DETAILS":
            detail = _Detail(_cves(record), text_of(record, "SEVERITY"))
            glossary[text_of(record, "QID")] = detail
        else:
            number += 1
            found += _checks_of_host(record, number, parsed)
    for check in found:
        known = glossary.get(check.qid)
        if known is None:
            parsed.lose(check.place, f"the report does not explain its QID {check.qid!r}")
        else:
            said = Check(check.qid, known.severity, check.place)
            parsed.add(check.host, known.cves, check.packages, said)
    return parsed.report()


def _checks_of_host(host: Element, number: int, parsed: Parsed) -> Iterator[_Found]:
    address = text_of(host, "IP")
    if not address:
        parsed.lose(f"HOST {number}", "it has no IP")
        return
    names = [text_of(host, "DNS"), text_of(host, "NETBIOS")]
    reported = parsed.see(names[0] or address, [address, *names])
    for inner, info in enumerate(host.iterfind("VULN_INFO_LIST/VULN_INFO"), 1):
        if text_of(info, "TYPE") == INFORMATION or text_of(info, "VULN_STATUS").lower() in CLOSED:
            parsed.not_compared += 1
        else:
            packages = packages_of_table(text_of(info, "RESULT"))
            place = f"HOST {address}, VULN_INFO {inner}"
            yield _Found(reported, text_of(info, "QID"), packages, place)


def parse_qualys_scan(content: bytes) -> ScannerReport:
    """Return the results of a single scan. Raises InputError when it is no such document."""
    parsed, hosts = Parsed("Qualys"), 0
    for record in XmlRecords(content, "the Qualys scan", SCAN_RECORDS):
        if record.tag == "KEY":
            parsed.date(moment(record.text or "") if record.get("value") == "DATE" else None)
            continue
        hosts += 1
        address, name = record.get("value", ""), record.get("name", "")
        if not address:
            parsed.lose(f"IP {hosts}", "it has no value")
            continue
        host = parsed.see(name or address, [address, text_of(record, "NETBIOS_HOSTNAME")])
        parsed.not_compared += sum(1 for _ in record.iterfind("INFOS/CAT/INFO"))
        for path in ("VULNS/CAT/VULN", "PRACTICES/CAT/PRACTICE"):
            for number, found in enumerate(record.iterfind(path), 1):
                qid, place = found.get("number", ""), f"IP {address}, {found.tag} {number}"
                packages = packages_of_table(text_of(found, "RESULT"))
                check = Check(qid, found.get("severity", ""), place)
                parsed.add(host, _cves(found), packages, check)
    return parsed.report()


def _cves(element: Element) -> list[str]:
    return texts_of(element, "CVE_ID_LIST/CVE_ID/ID")


def parse_qualys_csv(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError, with the line, when it is no such file.

    Words about the report stand before the headings; a row is a check on a host, or a host.
    """
    parsed = Parsed("Qualys")
    rows = _rows(content)
    headings = next((row for _, row in rows if "IP" in row and "QID" in row), [])
    missing = [column for column in COLUMNS if column not in headings]
    if missing:
        raise InputError(
            f"the Qualys CSV has no column {', '.join(missing)}",
            hint="choose them in the report's template",
        )
    for line, values in rows:
        if not any(values):
            continue
        if len(values) != len(headings):
            parsed.lose(f"line {line}", f"it has {len(values)} columns, not {len(headings)}")
            continue
        _add_row(dict(zip(headings, values, strict=True)), f"line {line}", parsed)
    return parsed.report()


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Give the rows, each with the line on which it ends."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"the Qualys CSV is no UTF-8 at byte {error.start}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            yield reader.line_num, [value.strip() for value in row]
    except csv.Error as error:
        raise InputError(
            f"the Qualys CSV, line {reader.line_num}: {one_line(str(error), 120)}",
            hint="it may be cut off; make the report anew",
        ) from error


def _add_row(row: Mapping[str, str], place: str, parsed: Parsed) -> None:
    address, status = row["IP"], row.get("IP Status", "").lower()
    if not address:
        parsed.lose(place, "it has no IP")
        return
    if any(words in status for words in NOT_LOOKED_AT):
        parsed.lose(place, f"{address}: {status}")
        return
    names = [row.get(column, "") for column in ("FQDN", "DNS", "NetBIOS")]
    name = next(filter(None, names[:2]), address)
    host = parsed.see(name, [address, *names])
    parsed.date(_date(row.get("Last Detected", "")))
    if not row["QID"]:
        return
    if row.get("Type") == INFORMATION or row.get("Vuln Status", "").lower() in CLOSED:
        parsed.not_compared += 1
        return
    check = Check(row["QID"], row.get("Severity", ""), place)
    packages = packages_of_table(row.get("Results", ""))
    parsed.add(host, row["CVE ID"].split(","), packages, check)


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, DATE_OF_CSV).replace(tzinfo=UTC)
    except ValueError:
        return None


def packages_of_table(text: str) -> list[Package]:
    """Return the packages of a check's table; none where it gives another answer."""
    heading = TABLE.search(text)
    lines: Iterable[str] = text[heading.end() :].splitlines() if heading else ()
    cells = (line.split("\t") if "\t" in line else line.split() for line in lines)
    return [Package(*map(str.strip, row)) for row in cells if len(row) == len(Package._fields)]
