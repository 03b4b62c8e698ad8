"""CSV for spreadsheets, and JSON for programs of one's own: a row a finding."""

import csv
import io
from collections.abc import Iterator

from oakum.adapters.exports.common import action, compact, listed
from oakum.core.ids import CveId
from oakum.core.matching.finding import Finding
from oakum.ports.exports import Export, HostFindings

COLUMNS = (
    "host", "cve", "package", "state", "installed", "fixed", "action", "first_seen", "kev",
    "epss_percent", "cvss", "cvss_source", "urgency", "vendor", "rule", "feed", "feed_as_of",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would take for a formula."""


def csv_table(export: Export, hosts: Iterator[HostFindings]) -> Iterator[str]:
    """Give a heading and a row for each finding (RFC 4180)."""
    yield _line(COLUMNS)
    for of in hosts:
        for finding in of.findings:
            row = _row(export, of, finding)
            yield _line([_safe(str(row[name])) for name in COLUMNS])


def json_document(export: Export, hosts: Iterator[HostFindings]) -> Iterator[str]:
    """Give one document: when it was made, from what data, and a list of findings."""
    feeds = {
        feed.feed.value: {"as_of": feed.data_as_of.isoformat(), "sha256": feed.sha256}
        for feed in export.feeds
    }
    head = {"made_at": export.made_at.isoformat(), "oakum": export.version, "feeds": feeds}
    yield compact(head).removesuffix("}") + ',"findings":['
    rows = (compact(_row(export, of, finding)) for of in hosts for finding in of.findings)
    yield from listed(rows)
    yield "\n]}\n"


def json_lines(export: Export, hosts: Iterator[HostFindings]) -> Iterator[str]:
    """Give a document for each finding, one a line."""
    for of in hosts:
        for finding in of.findings:
            yield f"{compact(_row(export, of, finding))}\n"


def _row(export: Export, of: HostFindings, finding: Finding) -> dict[str, object]:
    signals = export.signals.get(CveId(finding.cve))
    kev, epss, cvss = (
        (signals.kev, signals.epss, signals.cvss) if signals is not None else (None, None, None)
    )
    return {
        "host": of.host.name,
        "cve": finding.cve,
        "package": finding.source_name,
        "state": finding.state.value,
        "installed": finding.evidence.installed_version,
        "fixed": finding.evidence.fixed_version,
        "action": action(finding),
        "first_seen": str(of.first_seen.get(finding.key, "")),
        "kev": str(kev.added_on) if kev is not None else "",
        "epss_percent": f"{epss.probability_ppm / 10_000:.2f}" if epss is not None else "",
        "cvss": f"{cvss.base_tenths / 10:.1f}" if cvss is not None else "",
        "cvss_source": cvss.source if cvss is not None else "",
        "urgency": finding.urgency.value,
        "vendor": finding.no_dsa.value,
        "rule": finding.evidence.rule,
        "feed": finding.evidence.feed,
        "feed_as_of": finding.evidence.feed_as_of,
    }


def _safe(cell: str) -> str:
    """Return the cell so that no spreadsheet calculates it."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _line(cells: "list[str] | tuple[str, ...]") -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
