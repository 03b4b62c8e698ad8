"""Targets: reports of other scanners."""

import csv
import io
from collections.abc import Callable

from tests.fuzz.claims import claim, harmless_report, tree_of
from tests.fuzz.target import Target, golden

from oakum.adapters.scanners.grype import parse_grype
from oakum.adapters.scanners.nessus import parse_nessus
from oakum.adapters.scanners.openvas import parse_openvas
from oakum.adapters.scanners.qualys import (
    parse_qualys_csv,
    parse_qualys_report,
    parse_qualys_scan,
)
from oakum.adapters.scanners.reading import parse_report
from oakum.adapters.scanners.trivy import parse_trivy
from oakum.adapters.scanners.vuls import parse_vuls
from oakum.core.reconciling.report import ScannerReport

NESSUS = golden("scanners/nessus/two-hosts.nessus")
OPENVAS = golden("scanners/openvas/two-hosts.xml", "scanners/openvas/older.xml")
QUALYS_REPORT, QUALYS_SCAN, QUALYS_CSV = (
    golden(f"scanners/qualys/{name}") for name in ("report.xml", "scan.xml", "report.csv")
)
TRIVY = golden("scanners/trivy/rootfs.json")
GRYPE = golden("scanners/grype/directory.json")
VULS = golden("scanners/vuls/web-1.json")
MARKUP = (b"<!ENTITY a 'b'>", b"<a>" * 120, b"</result>", b"<HOST>", b'encoding="utf-7"', b"&#0;")


def _read(parse: Callable[[bytes], ScannerReport]) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        harmless_report(parse(content))

    return read


def _outcomes(report: ScannerReport) -> int:
    return len(report.results) + report.not_compared + len(report.unreadable)


def _grype(content: bytes) -> None:
    report = parse_grype(content)
    harmless_report(report)
    claim(_outcomes(report) or not tree_of(content)["matches"], "every match was lost")


def _trivy(content: bytes) -> None:
    report = parse_trivy(content)
    harmless_report(report)
    results = tree_of(content).get("Results") or []
    there = any(isinstance(r, dict) and r.get("Vulnerabilities") for r in results)
    claim(_outcomes(report) or not there, "every vulnerability was lost")


def _vuls(content: bytes) -> None:
    report = parse_vuls(content)
    harmless_report(report)
    claim(_outcomes(report) >= len(tree_of(content)["scannedCves"] or {}), "a CVE was lost")


def _qualys_csv(content: bytes) -> None:
    report = parse_qualys_csv(content)
    harmless_report(report)
    text = content.decode("utf-8-sig")
    rows = iter(list(csv.reader(io.StringIO(text, newline=""), strict=True)))
    next(row for row in rows if {"IP", "QID"} <= {value.strip() for value in row})
    there = any(value.strip() for row in rows for value in row)
    claim(_outcomes(report) or report.hosts or not there, "every row was lost")


EVERY = (*NESSUS, *OPENVAS, *QUALYS_REPORT, *QUALYS_SCAN, *QUALYS_CSV, *TRIVY, *GRYPE, *VULS)
TARGETS = (
    Target("nessus", _read(parse_nessus), NESSUS, MARKUP),
    Target("openvas", _read(parse_openvas), OPENVAS, MARKUP),
    Target("qualys-report", _read(parse_qualys_report), QUALYS_REPORT, MARKUP),
    Target("qualys-scan", _read(parse_qualys_scan), QUALYS_SCAN, MARKUP),
    Target("qualys-csv", _qualys_csv, QUALYS_CSV),
    Target("trivy", _trivy, TRIVY),
    Target("grype", _grype, GRYPE),
    Target("vuls", _vuls, VULS),
    Target("reports", _read(parse_report), EVERY, MARKUP),
)
