"""NVD's API 2.0: scores and weaknesses of CVEs, where nobody else gave them.

Only that is read. Which products it names is not: upstream versions and CPEs say nothing about a
distribution's package. Since April 2026 NVD scores few CVEs; nothing here needs it to.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from oakum.adapters.feeds.cisa.records import score_of
from oakum.adapters.feeds.parsing import Parsed, each, newest
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import CveSignals, CvssScore, Reservation
from oakum.core.ids import CveId
from oakum.core.text import one_line

METRICS = ("cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2")
"""The newest version that is there counts."""
PRIMARY = "Primary"


class _Data(msgspec.Struct, rename="camel"):
    vector_string: str = ""


class _Metric(msgspec.Struct, rename="camel"):
    type: str = ""
    cvss_data: _Data = msgspec.field(default_factory=_Data)


class _Word(msgspec.Struct):
    lang: str = ""
    value: str = ""


class _Weakness(msgspec.Struct):
    description: list[_Word] = []


class _Tag(msgspec.Struct):
    tags: list[str] = []


class _Cve(msgspec.Struct, rename="camel"):
    id: str
    published: datetime | None = None
    vuln_status: str = ""
    cve_tags: list[_Tag] = []
    descriptions: list[_Word] = []
    metrics: dict[str, list[_Metric]] = {}
    weaknesses: list[_Weakness] = []


class _Item(msgspec.Struct):
    cve: _Cve


class _Page(msgspec.Struct):
    format: str
    timestamp: datetime
    vulnerabilities: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Page).decode
_item = msgspec.json.Decoder(_Item).decode


def parse_nvd(pages: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the signals of (file name, page) pairs; what cannot be read is counted."""
    parsed, found = Parsed(), dict[CveId, CveSignals]()
    for name, page in each(pages, _decode, parsed):
        parsed.data_as_of = newest(parsed.data_as_of, page.timestamp, name)
        entries = enumerate(page.vulnerabilities)
        items = ((f"{name}: vulnerabilities[{number}]", bytes(raw)) for number, raw in entries)
        for place, item in each(items, _item, parsed):
            if CVE.fullmatch(item.cve.id):
                found[CveId(item.cve.id)] = _signals(item.cve, source)
            else:
                parsed.unreadable.append(f"{place}: {one_line(item.cve.id, 40)!r} is no CVE")
    parsed.signals = list(found.values())
    return parsed


def _signals(cve: _Cve, source: str) -> CveSignals:
    tags = {tag for group in cve.cve_tags for tag in group.tags}
    english = [word.value for word in cve.descriptions if word.lang == "en"]
    weaknesses = {
        word.value
        for weakness in cve.weaknesses
        for word in weakness.description
        if word.value.startswith("CWE-")
    }
    return CveSignals(
        CveId(cve.id),
        cvss=_cvss(cve, source),
        cwes=tuple(sorted(one_line(weakness, 20) for weakness in weaknesses)),
        summary=one_line(english[0], 160) if english else "",
        published_on=cve.published.date() if cve.published else None,
        reservation=_reservation(cve.vuln_status, tags),
    )


def _reservation(status: str, tags: set[str]) -> Reservation | None:
    if status == "Rejected":
        return Reservation.REJECTED
    return Reservation.DISPUTED if "disputed" in tags else None


def _cvss(cve: _Cve, source: str) -> CvssScore | None:
    for kind in METRICS:
        metrics = sorted(cve.metrics.get(kind, ()), key=lambda metric: metric.type != PRIMARY)
        for metric in metrics:
            found = score_of(metric.cvss_data.vector_string, source)
            if found is not None:
                return found
    return None
