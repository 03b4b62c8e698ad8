"""Qualys: the XML of a scan or an asset report, and the CSV of either."""

import csv
import io
from collections.abc import Iterable

from oakum.adapters.scanners.common import ANYWHERE, Collected, scanned_host, xml_root
from oakum.core.errors import InputError
from oakum.core.reconciling.report import ScannerReport

ROOTS = (b"<ASSET_DATA_REPORT", b"<SCAN", b"<HOST_LIST_VM_DETECTION_OUTPUT")
ADDRESS, NAME, QID, TITLE, SEVERITY, CVE_ID = ("IP", "DNS", "QID", "Title", "Severity", "CVE ID")
NEEDED = {ADDRESS, QID, CVE_ID}


def is_heading(cells: Iterable[str]) -> bool:
    """Tell whether a row of a CSV file is the heading of Qualys' results."""
    return set(cells) >= NEEDED


def parse_qualys_csv(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such file.

    Before the heading stand lines about the report itself, and after the results may others.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the Qualys report is no UTF-8 at byte {error.start}", hint="export it anew as CSV"
        ) from error
    collected, heading = Collected("Qualys"), list[str]()
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline="")), 1):
            if is_heading(cells):
                heading = cells
            elif heading and cells:
                if len(cells) != len(heading):
                    collected.unreadable.append(
                        f"row {number}: {len(cells)} cells, not {len(heading)}"
                    )
                    continue
                _row(collected, dict(zip(heading, cells, strict=True)))
    except csv.Error as error:
        raise InputError(f"the Qualys report cannot be read: {error}") from error
    if not heading:
        raise InputError(
            "the Qualys report has no heading with the columns IP, QID and CVE ID",
            hint="choose them in the report's template",
        )
    return collected.report()


def _row(collected: Collected, row: dict[str, str]) -> None:
    host = scanned_host(row.get(NAME, ""), row[ADDRESS])
    collected.hosts.append(host)
    check = f"QID {row[QID]} {row.get(TITLE, '')}".strip()
    collected.add(host, ANYWHERE.findall(row[CVE_ID]), check, severity=row.get(SEVERITY, ""))


def parse_qualys_xml(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    root, collected = xml_root(content, "Qualys"), Collected("Qualys")
    cves_of = {
        details.findtext("QID", ""): [cve.findtext("ID", "") for cve in details.iter("CVE_ID")]
        for details in root.iter("VULN_DETAILS")
    }
    for element in root.iter("HOST"):
        host = scanned_host(element.findtext("DNS", ""), element.findtext("IP", ""))
        if not host.name:
            collected.unreadable.append("HOST: it has no address")
            continue
        collected.hosts.append(host)
        for found in [*element.iter("VULN_INFO"), *element.iter("DETECTION")]:
            qid = found.findtext("QID", "")
            cves = cves_of.get(qid, []) + [cve.findtext("ID", "") for cve in found.iter("CVE_ID")]
            collected.add(host, cves, f"QID {qid}", severity=found.findtext("SEVERITY", ""))
    for element in root.iter("IP"):
        if element.get("value"):
            host = scanned_host(element.get("name", ""), element.get("value", ""))
            collected.hosts.append(host)
            for found in element.iter("VULN"):
                cves = [cve.findtext("ID", "") for cve in found.iter("CVE_ID")]
                check = f"QID {found.get('number', '')} {found.findtext('TITLE', '')}".strip()
                collected.add(host, cves, check, severity=found.get("severity", ""))
    return collected.report()
